// Each scene ends on both sides as its list says, in either language and width, and can be read.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { scenes } from '../page/scenes.js';
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

/** What each must show: the statuses of the requests, and how many keys wxauth holds at its end. */
const answers = {
  quiet: { wxauth: '200 200', oldDesign: '200 200', keys: 1 },
  replaced: { wxauth: '200 200 200', oldDesign: '200 200 400 200', keys: 2 },
  callback: { wxauth: '200 200', oldDesign: '200 400', keys: 2 },
  overtaken: { wxauth: '200 200 200', oldDesign: '200 400 200', keys: 2 },
  lost: { wxauth: '200 200 200', oldDesign: '200 400 400', keys: 1 },
  twice: { wxauth: '200 200 200', oldDesign: '200 400 400', keys: 1 },
  expired: { wxauth: '200 401 200 200', oldDesign: '200 400', keys: 2 },
};

for (const language of Object.keys(languages)) {
  for (const width of Object.values(widths)) {
    test(`every scene ends as it must, in ${language} at ${width} px`, async () => {
      const scheme = width === widths.phone ? 'dark' : 'light';
      const visitor = await browser.visit(world.address, { language, width, scheme });
      await visitor.assertAccessible();
      for (const { name, firstTap } of scenes) {
        assert.deepEqual(await visitor.play(name), firstTap, name);
        for (const side of ['wxauth', 'oldDesign']) {
          assert.equal(
            (await visitor.statuses(side)).join(' '),
            answers[name][side],
            `${name}, ${side}`,
          );
        }
        const rows = visitor.side('wxauth').locator('tbody tr');
        assert.equal(await rows.count(), answers[name].keys, `${name}: keys of wxauth`);
        assert.equal(await visitor.side('oldDesign').locator('tbody tr').count(), 1, name);
        await visitor.assertAccessible();
        await visitor.assertFits();
      }
      await visitor.leave();
    });
  }
}

test('the famous failure is drawn with its keys, and with the reason', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.play('replaced');
  const tried = visitor.side('wxauth').locator('.row .key.fails, .row .key.opens');
  assert.deepEqual(await tried.allTextContents(), ['B ✗', 'A ✓']);
  const old = visitor.side('oldDesign').locator('.row .key.fails, .row .key.opens');
  assert.deepEqual(await old.allTextContents(), ['B ✗', 'B ✓'], 'the second tap works');
  const verdicts = await visitor.side('oldDesign').locator('.verdict .label').allTextContents();
  assert.match(verdicts[0], /not the one that the phone had used/);
  await visitor.leave();
});

test('a page without an openid is drawn finding nobody', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.play('lost');
  const rows = await visitor.side('oldDesign').locator('.row .label').allTextContents();
  assert.ok(
    rows.some((row) => row.includes('knows nobody of this openid')),
    rows.join('\n'),
  );
  assert.equal(await visitor.side('oldDesign').locator('.row .key.fails').count(), 0);
  await visitor.leave();
});

test('the tap that overtook its login is drawn waiting', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.play('overtaken');
  const rows = await visitor.side('wxauth').locator('.row .label').allTextContents();
  const at = (text) => rows.findIndex((row) => row.includes(text));
  assert.ok(
    at('waits') < at('Session arrives') && at('Session arrives') < at('B ✓'),
    rows.join('\n'),
  );
  await visitor.leave();
});
