// What pages and phones do. Each deed really happens, on both sides, and is recorded while it does.

import * as exchanges from './exchanges.js';
import { Recording } from './recording.js';
import * as sandbox from './sandbox.js';
import * as taps from './taps.js';

/** Two posts of a double tap; never at the very same time. */
const doubleTapMs = 60;
/** How much later than the tap a slow login arrives: well within wxauth's grace of a second. */
const slowLoginMs = 400;

export class Deeds {
  /** `play` draws a recording under a sentence, and returns when it is drawn. */
  constructor(user, sides, play) {
    this.user = user;
    this.sides = sides;
    this.play = play;
  }

  /** One of the sides, or none where it is not connected. */
  only(name) {
    return this.sides.filter((side) => side.name === name);
  }

  async openPage({ replaces = false, says = 'opens' } = {}) {
    await this.#step(says, async (recording) => {
      const codes = await this.#wxLogin(recording, replaces);
      await this.#onBoth((side) => exchanges.postCode(recording, side, codes[side.name]));
    });
  }

  async openPagePostingTwice({ replaces = false } = {}) {
    await this.#step('opensTwice', async (recording) => {
      const codes = await this.#wxLogin(recording, replaces);
      await this.#onBoth(async (side) => {
        const first = exchanges.postCode(recording, side, codes[side.name]);
        await delay(doubleTapMs);
        await Promise.all([first, exchanges.postCode(recording, side, codes[side.name])]);
      });
    });
  }

  async openPageLosingTheAnswer({ replaces = false } = {}) {
    await this.#step('opensLost', async (recording) => {
      const codes = await this.#wxLogin(recording, replaces);
      await this.#onBoth(async (side) => {
        await exchanges.postCode(recording, side, codes[side.name], { isLost: true });
        await exchanges.postCode(recording, side, codes[side.name]);
      });
    });
  }

  /** The page gets the data and does not post it yet. */
  async encrypt() {
    let tap;
    await this.#step('encryptsFirst', async (recording) => {
      tap = await this.#encrypt(recording);
    });
    return tap;
  }

  async postLate(tap) {
    await this.#step('postsLate', (recording) =>
      this.#onBoth((side) => taps.postPhone(recording, side, tap)),
    );
  }

  async tap({ says = 'taps', sides = this.sides } = {}) {
    await this.#step(says, async (recording) => {
      const tap = await this.#encrypt(recording, sides);
      await this.#onBoth((side) => taps.postPhone(recording, side, tap), sides);
    });
  }

  /** The data is there; then `wx.login`, and both in one call. */
  async tapLoggingInInTheCallback({ replaces = true } = {}) {
    await this.#step('tapsCallback', async (recording) => {
      const tap = await this.#encrypt(recording);
      const codes = await this.#wxLogin(recording, replaces);
      await this.#onBoth((side) => taps.postUser(recording, side, codes[side.name], tap));
    });
  }

  async tapOvertakingTheLogin({ replaces = true } = {}) {
    await this.#step('overtakes', async (recording) => {
      const codes = await this.#wxLogin(recording, replaces);
      await this.#onBoth(async (side) =>
        exchanges.setOut(recording, side, sandbox.now(), 'code2Session'),
      );
      const tap = await this.#encrypt(recording);
      await this.#onBoth(async (side) => {
        const tapped = taps.postPhone(recording, side, tap, { loginIsLate: true });
        await delay(slowLoginMs);
        await Promise.all([
          tapped,
          exchanges.postCode(recording, side, codes[side.name], { wasSlow: true }),
        ]);
      });
    });
  }

  async letTheKeyExpire() {
    await this.#step('expires', async (recording) => {
      await sandbox.expireKeys(this.user.openid);
      // Another login of the user's, elsewhere; its code is never posted.
      await sandbox.wxLogin(this.user.name, true);
      await this.#learnCurrentKey();
      for (const side of this.sides) {
        const keys = [[this.user.currentKey]];
        recording.note(side, sandbox.now(), 'wechat', ['passed'], { keys, look: 'wait' });
        if (side.name === 'wxauth') {
          side.ring = [];
        }
      }
    });
  }

  /** What a page does that reads `relogin`: the same data once more after a login. */
  async logInAgainWith(tap) {
    const sides = this.only('wxauth');
    await this.#step('logsInAgain', async (recording) => {
      const codes = await this.#wxLogin(recording, false, sides);
      await this.#onBoth(async (side) => {
        await exchanges.postCode(recording, side, codes[side.name]);
        await taps.postPhone(recording, side, tap, { isTap: false });
      }, sides);
    });
  }

  async #step(says, deed) {
    const recording = new Recording();
    await deed(recording);
    await this.play(says, recording);
  }

  async #onBoth(deed, sides = this.sides) {
    await Promise.all(sides.map(deed));
  }

  /** One login of the user: a code for each side, and both belong to the same key. */
  async #wxLogin(recording, replaces, sides = this.sides) {
    const codes = {};
    for (const side of sides) {
      codes[side.name] = await sandbox.wxLogin(this.user.name, replaces && side === sides[0]);
    }
    const before = this.user.currentKey;
    await this.#learnCurrentKey();
    const word = this.user.currentKey === before ? 'sameKey' : 'newKey';
    for (const side of sides) {
      const more = { isBoth: true, keys: [[this.user.currentKey]] };
      recording.arrow(side, sandbox.now(), 'phone', 'wechat', [word], more);
    }
    return codes;
  }

  async #learnCurrentKey() {
    const { openid, keyFingerprint } = await sandbox.currentKey(this.user.name);
    this.user.openid = openid;
    this.user.currentKey = keyFingerprint;
    this.user.keys.placeOf(keyFingerprint);
  }

  async #encrypt(recording, sides = this.sides) {
    const key = this.user.currentKey;
    const data = await sandbox.encryptedPhone(this.user.name);
    for (const side of sides) {
      recording.note(side, sandbox.now(), 'phone', ['encrypts'], { keys: [[key]] });
    }
    return { key, data };
  }
}

function delay(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
