// A thousand random users: the bars, what the failed taps cost, and stopping in between.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './browser.js';
import { World } from './world.js';

const simulationMs = 180_000;

let world;
let browser;

before(async () => {
  world = await World.start({ graceMs: 20_000 });
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await world?.stop();
});

test('all first taps work at wxauth, two in three at the old design', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.page.locator('#simulate').click();
  await visitor.page.locator('#simulation[data-state=running] .sum').first().waitFor();
  await visitor.page.locator('#simulation[data-state=still]').waitFor({ timeout: simulationMs });
  const [ours, old] = await visitor.page.locator('.sum').allTextContents();
  assert.match(ours, /100\.0 %.*1000 of 1000 .* 0 failed taps × ¥0\.03 = ¥0\.00/s);
  const [, percent, failed, yuan] = old.match(
    /(\d+\.\d) %.* (\d+) failed taps × ¥0\.03 = ¥([\d.]+)/s,
  );
  assert.ok(percent > 50 && percent < 80, old);
  assert.equal(yuan, (failed * 0.03).toFixed(2));
  assert.equal(await visitor.page.locator('#simulation tbody tr').count(), 6);
  await visitor.assertAccessible();
  await visitor.leave();
});

test('it can be stopped, and begun anew', async () => {
  const visitor = await browser.visit(world.address, { width: 360 });
  const users = () => visitor.page.locator('#simulation tr.all td').first().textContent();
  await visitor.page.locator('#simulate').click();
  await visitor.page.locator('#simulation[data-state=running] tr.all').waitFor();
  await visitor.page.locator('#simulate').click();
  await visitor.page.locator('#simulation[data-state=still]').waitFor();
  assert.ok(Number(await users()) < 1000);
  await visitor.assertFits();
  assert.deepEqual(await visitor.play('quiet'), { wxauth: 'ok', oldDesign: 'ok' });
  await visitor.leave();
});
