// A real browser on the playground, which notes what must not happen.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** Debian's, started so that it asks nobody for anything. */
const launch = {
  executablePath: process.env.WXAUTH_TEST_BROWSER ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

export const languages = { en: 'en-US', zh: 'zh-CN' };
export const widths = { phone: 360, screen: 1280 };

/** One browser, and as many visitors as the tests of a file need. */
export class Browser {
  #browser;

  static async start() {
    const browser = new Browser();
    browser.#browser = await chromium.launch(launch);
    return browser;
  }

  async visit(
    address,
    { language = 'en', width = 1280, height = 800, scheme = 'light', pace = '0' } = {},
  ) {
    const context = await this.#browser.newContext({
      locale: languages[language],
      viewport: { width, height },
      colorScheme: scheme,
      reducedMotion: 'reduce',
      permissions: ['clipboard-read', 'clipboard-write'],
    });
    const visitor = new Visitor(await context.newPage());
    await visitor.arrive(address, pace);
    return visitor;
  }

  stop() {
    return this.#browser.close();
  }
}

export class Visitor {
  #errors = [];
  #foreign = [];

  constructor(page) {
    this.page = page;
    page.on('pageerror', (error) => this.#errors.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') {
        this.#errors.push(message.text());
      }
    });
  }

  async arrive(address, pace) {
    this.page.on('request', (request) => {
      if (!request.url().startsWith(`${address}/`)) {
        this.#foreign.push(request.url());
      }
    });
    await this.page.goto(`${address}/playground/`);
    await this.page.locator('body[data-state=still]').waitFor();
    await this.page.locator('#pace').selectOption(pace);
  }

  /** Plays a scene to its end, and tells how the first tap went on either side. */
  async play(scene) {
    await this.page.locator(`[data-scene=${scene}]`).click();
    return this.outcome();
  }

  /** Presses a button that does something, and waits until it is done. */
  async press(deed) {
    await this.page.locator(`#deeds [data-deed=${deed}]`).click();
    return this.outcome();
  }

  async outcome() {
    await this.page.locator('body[data-state=still]').waitFor();
    return { wxauth: await this.firstTap('wxauth'), oldDesign: await this.firstTap('oldDesign') };
  }

  side(name) {
    return this.page.locator(`[data-side=${name}]`);
  }

  firstTap(name) {
    return this.side(name).getAttribute('data-first-tap');
  }

  /** The statuses of a side's requests, in the order in which they were answered. */
  async statuses(name) {
    return (await this.side(name).locator('summary .status').allTextContents()).reverse();
  }

  /** What axe-core has to say about the page as it is now: contrast, labels, roles. */
  async assertAccessible() {
    await this.page.evaluate(axe);
    const { violations } = await this.page.evaluate(() => globalThis.axe.run());
    const faults = violations.map(({ id, nodes }) => [id, ...nodes.map((node) => node.html)]);
    assert.deepEqual(faults, []);
  }

  async assertFits() {
    const width = await this.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= this.page.viewportSize().width, `the page is ${width} px wide`);
  }

  /** Nothing in the console, and no request to another place; then leaves. */
  async leave({ expected = /^$/ } = {}) {
    assert.deepEqual(this.#foreign, [], 'requests that left the sandbox');
    const unexpected = this.#errors.filter((error) => !expected.test(error));
    assert.deepEqual(unexpected, [], 'errors in the console');
    await this.page.context().close();
  }
}
