// Takes the pictures of docs/: `node pictures.js DIRECTORY`, with what scripts/browser sets.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './browser.js';
import { World } from './world.js';

/** A picture each: what is played, and for whom it is drawn. */
const pictures = [
  { scene: 'replaced', name: 'logged-in-again' },
  { scene: 'callback', name: 'login-in-the-callback' },
  { scene: 'overtaken', name: 'tap-overtakes-login', scheme: 'dark' },
  { scene: 'lost', name: 'lost-answer.zh', language: 'zh' },
];

/** So tall that a whole scene is in it. */
const size = { width: 1280, height: 1320 };

const [, , directory] = process.argv;
mkdirSync(directory, { recursive: true });
const world = await World.start();
const browser = await Browser.start();
try {
  for (const { scene, name, ...audience } of pictures) {
    const visitor = await browser.visit(world.address, { ...size, ...audience });
    await visitor.play(scene);
    const sides = visitor.page.locator('.sides');
    await sides.screenshot({ path: join(directory, `${name}.png`) });
    await visitor.leave();
    console.log(join(directory, `${name}.png`));
  }
} finally {
  await browser.stop();
  await world.stop();
}
