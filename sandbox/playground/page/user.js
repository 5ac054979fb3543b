// A user with a phone, and what the pages on it keep: the openid, the number, how the taps went.

import { Keys } from './keys.js';

/** WeChat's charge for an authorisation, in yuan: paid whether the server opens it or not. */
export const yuanATap = 0.03;

export class User {
  /** A made-up name; what follows from it, such as the number, is the sandbox's. */
  name = `alice-${crypto.randomUUID().slice(0, 8)}`;
  keys = new Keys();
  /** Fingerprint of the key that is current at WeChat. */
  currentKey = null;
  openid = null;

  hasLoggedIn() {
    return this.currentKey !== null;
  }
}

/** What one server's pages know, and what is known of that server. */
export class Side {
  constructor(name) {
    this.name = name;
    this.forget();
  }

  forget() {
    /** As the page stored it: `undefined` once a refused login has overwritten it. */
    this.openid = undefined;
    this.number = null;
    this.toast = null;
    this.firstTap = null;
    this.taps = 0;
    this.failed = 0;
    /** Fingerprints of the keys that its server should hold, newest first. */
    this.ring = [];
    /** Exchanges that were drawn, by code. */
    this.drawnExchanges = new Map();
  }

  /** A key that the server got: wxauth keeps all, the old design the newest. */
  stores(fingerprint) {
    const others = this.ring.filter((other) => other !== fingerprint);
    this.ring = this.name === 'wxauth' ? [fingerprint, ...others] : [fingerprint];
  }

  tapped(opened) {
    this.taps += 1;
    this.failed += opened ? 0 : 1;
    this.firstTap ??= opened ? 'ok' : 'failed';
  }

  /** What the last tap had failed to do was done without another one, so it was not paid for nothing. */
  healed() {
    this.failed -= 1;
    this.firstTap = this.taps === 1 ? 'healed' : this.firstTap;
  }
}
