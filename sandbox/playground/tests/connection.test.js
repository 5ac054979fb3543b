// Whoever goes away while the page is open is missed in words, and welcomed back without a reload.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Browser } from './browser.js';
import { World } from './world.js';

/** What the browser itself writes about a sandbox that is gone. */
const refused = /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/;

let browser;

before(async () => {
  browser = await Browser.start();
});
after(() => browser?.stop());

/** A world for one test, which is stopped whatever happens. */
async function inWorld(options, run) {
  const world = await World.start(options);
  try {
    await run(world);
  } finally {
    await world.stop();
  }
}

test('a sandbox that is started anew is noticed, and plays on', () =>
  inWorld({}, async (world) => {
    const visitor = await browser.visit(world.address);
    await visitor.play('quiet');
    await world.stopSandbox();
    const notice = visitor.page.locator('.notice.bad');
    await notice.filter({ hasText: 'The sandbox does not answer' }).waitFor();
    await visitor.assertAccessible();
    await world.startSandbox();
    await notice.waitFor({ state: 'detached' });
    await visitor.page.locator('.notice', { hasText: 'was started anew' }).waitFor();
    assert.equal(await visitor.firstTap('wxauth'), '', 'it is a new user');
    assert.deepEqual(await visitor.play('replaced'), { wxauth: 'ok', oldDesign: 'failed' });
    await visitor.page.getByRole('button', { name: 'Close' }).click();
    assert.equal(await visitor.page.locator('.notice').count(), 0);
    await visitor.leave({ expected: refused });
  }));

test('a wxauth that is stopped is noticed, and found again at another port', () =>
  inWorld({}, async (world) => {
    const visitor = await browser.visit(world.address);
    await world.stopWxauth();
    const notice = visitor.page.locator('.notice.bad', { hasText: 'wxauth at http://127.0.0.1:' });
    await notice.waitFor();
    await visitor.press('open');
    await visitor.page.locator('.notice.bad', { hasText: 'broke off' }).waitFor();
    await world.startWxauth();
    await notice.waitFor({ state: 'detached' });
    assert.deepEqual(await visitor.play('callback'), { wxauth: 'ok', oldDesign: 'failed' });
    assert.equal(await visitor.page.locator('.notice').count(), 0);
    await visitor.leave();
  }));

test('without a wxauth the old design plays alone, and the page says how to get one', () =>
  inWorld({ withWxauth: false }, async (world) => {
    const visitor = await browser.visit(world.address);
    await visitor.page.locator('.notice', { hasText: 'No wxauth is connected' }).waitFor();
    assert.deepEqual(await visitor.play('replaced'), { wxauth: '', oldDesign: 'failed' });
    await visitor.assertAccessible();
    await visitor.leave();
  }));
