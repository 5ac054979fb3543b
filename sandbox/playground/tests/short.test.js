// The playground in a minute, for each change: its most telling scene in either language.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser, languages, widths } from './browser.js';
import { World } from './world.js';

let world;
let browser;

before(async () => {
  world = await World.start();
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await world?.stop();
});

for (const [language, width] of [
  ['en', widths.screen],
  ['zh', widths.phone],
]) {
  test(`the famous failure and its cure, in ${languages[language]} at ${width} px`, async () => {
    const visitor = await browser.visit(world.address, { language, width });
    assert.deepEqual(await visitor.play('replaced'), { wxauth: 'ok', oldDesign: 'failed' });
    await visitor.assertAccessible();
    await visitor.assertFits();
    await visitor.leave();
  });
}
