// Everything that can be pressed, beside the scenes.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Browser } from './browser.js';
import { until, World } from './world.js';

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

test('every deed by hand does what its button says', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.press('open');
  assert.deepEqual(await visitor.press('tap'), { wxauth: 'ok', oldDesign: 'ok' });
  const cases = [
    ['callback', { wxauth: 'ok', oldDesign: 'failed' }],
    ['overtaken', { wxauth: 'ok', oldDesign: 'failed' }],
    ['expire', { wxauth: '', oldDesign: '' }],
    ['twice', { wxauth: '', oldDesign: '' }],
    ['lost', { wxauth: '', oldDesign: '' }],
  ];
  for (const [deed, outcome] of cases) {
    assert.deepEqual(await visitor.press('newUser'), { wxauth: '', oldDesign: '' });
    await visitor.press('open');
    assert.deepEqual(await visitor.press(deed), outcome, deed);
  }
  assert.deepEqual(await visitor.statuses('wxauth'), ['200', '200', '200']);
  assert.deepEqual(await visitor.statuses('oldDesign'), ['200', '200', '400']);
  await visitor.leave();
});

test('a login without a new key changes nothing for anybody', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.page.locator('#replaces').uncheck();
  await visitor.press('open');
  assert.deepEqual(await visitor.press('callback'), { wxauth: 'ok', oldDesign: 'ok' });
  assert.equal(await visitor.side('wxauth').locator('tbody tr').count(), 1);
  await visitor.leave();
});

test('a tap waits for a first login, and either phone taps for both', async () => {
  const visitor = await browser.visit(world.address);
  const tap = visitor.side('oldDesign').locator('.authorise');
  await tap.click({ force: true });
  assert.deepEqual(await visitor.statuses('oldDesign'), []);
  await visitor.press('open');
  await tap.click();
  assert.deepEqual(await visitor.outcome(), { wxauth: 'ok', oldDesign: 'ok' });
  const numbers = await visitor.page.locator('.number').allTextContents();
  assert.match(numbers[0], /^135\d{8}$/);
  assert.equal(numbers[0], numbers[1]);
  await visitor.leave();
});

test('the pace is what was chosen, and a scene can be skipped to its end', async () => {
  const visitor = await browser.visit(world.address, { pace: '900' });
  await visitor.page.locator('[data-scene=replaced]').click();
  await visitor.side('wxauth').locator('.row.arrow').first().waitFor();
  assert.equal(await visitor.page.locator('body').getAttribute('data-state'), 'playing');
  await visitor.page.locator('#skip').click();
  assert.deepEqual(await visitor.outcome(), { wxauth: 'ok', oldDesign: 'failed' });
  await visitor.leave();
});

test('the keyboard alone plays a scene and changes the language', async () => {
  const visitor = await browser.visit(world.address);
  const { keyboard } = visitor.page;
  const focused = () => visitor.page.evaluate(() => document.activeElement.dataset.scene);
  await visitor.page.locator('#pace').focus();
  await keyboard.press('Tab');
  assert.equal(await focused(), 'quiet');
  await keyboard.press('Tab');
  await keyboard.press('Enter');
  assert.deepEqual(await visitor.outcome(), { wxauth: 'ok', oldDesign: 'failed' });
  assert.equal(await focused(), 'replaced', 'the focus stays where it was');
  await visitor.page.locator('[data-language=zh]').focus();
  await keyboard.press('Space');
  assert.equal(await visitor.page.locator('html').getAttribute('lang'), 'zh-CN');
  assert.match(await visitor.side('wxauth').locator('.verdict').first().textContent(), /成功/);
  await visitor.leave();
});

test('a language that was chosen stays, and changes what is drawn already', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.play('quiet');
  await visitor.page.locator('[data-language=zh]').click();
  assert.equal(await visitor.page.title(), 'wxauth 演练场');
  const row = visitor.side('wxauth').locator('.row.step .label').first();
  assert.match(await row.textContent(), /页面打开/);
  await visitor.page.reload();
  assert.equal(await visitor.page.title(), 'wxauth 演练场');
  await visitor.leave();
});

test('a request shows its bodies and its line in the log, and its curl repeats it', async () => {
  const visitor = await browser.visit(world.address);
  await visitor.play('quiet');
  for (const side of ['wxauth', 'oldDesign']) {
    const request = visitor.side(side).locator('.requests details').first();
    await request.locator('summary').click();
    assert.match(await request.textContent(), /encryptedData/);
    await request.locator('button').click();
    const curl = await visitor.page.evaluate(() => navigator.clipboard.readText());
    const answer = execFileSync('bash', ['-c', `${curl} --silent --noproxy '*'`]).toString();
    assert.match(answer, /^HTTP\/1\.1 200/);
    assert.match(answer, /"phoneNumber":"135\d{8}"/);
  }
  const log = visitor.side('wxauth').locator('.requests pre.log').first();
  const line = await until(async () => (await log.textContent()).match(/.*getWXUserPhone.*/)?.[0]);
  assert.match(line, /playground-/);
  await visitor.assertAccessible();
  await visitor.leave();
});

test('an error leads to its place in the docs, in the language of the page', async () => {
  for (const [language, page] of [
    ['en', 'errors'],
    ['zh', 'errors.zh'],
  ]) {
    const visitor = await browser.visit(world.address, { language });
    await visitor.play('expired');
    const request = visitor.side('wxauth').locator('details', { hasText: '401' });
    await request.locator('summary').click();
    const opened = visitor.page.waitForEvent('popup');
    await request.locator('a').click();
    const docs = await opened;
    await docs.waitForURL(`**/playground/docs/${page}#session_expired`);
    assert.equal(await docs.locator(':target').textContent(), 'session_expired');
    await visitor.leave();
  }
});
