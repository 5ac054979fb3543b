// Who answers at the moment: asked again and again while the page is looked at, and said in a notice.

import { button, element } from './element.js';
import { stateOf, Unreached } from './sandbox.js';
import { onLanguage, say } from './words.js';

const everyMs = 1500;

export class Connection {
  #list;
  #told = new Map();
  #sandbox = null;
  #openid;
  #onState;
  #onOtherSandbox;
  /** wxauth's address, or `null` where none is connected. */
  address = null;

  /** `openid` tells whose keys are asked for. */
  constructor(list, { openid, onState, onOtherSandbox }) {
    this.#list = list;
    this.#openid = openid;
    this.#onState = onState;
    this.#onOtherSandbox = onOtherSandbox;
    onLanguage(() => this.#draw());
  }

  async watch() {
    for (;;) {
      if (!document.hidden) {
        await this.look();
      }
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  }

  /** Looks now. */
  async look() {
    const openid = this.#openid();
    try {
      const state = await stateOf(openid ?? '');
      this.#drop('sandboxGone');
      this.#compare(state);
      // A new user may have come meanwhile.
      if (openid === this.#openid()) {
        this.#onState(state);
      }
    } catch (error) {
      this.#tell(error instanceof Unreached ? 'sandboxGone' : 'broken', 'bad', String(error));
    }
  }

  /** A scene that met nobody. */
  broke(error) {
    const who = error instanceof Unreached ? error.who : error.message;
    this.#tell('broken', 'bad', who);
  }

  mended() {
    this.#drop('broken');
  }

  #compare({ sandbox, wxauth }) {
    this.address = wxauth.address;
    if (this.#sandbox !== null && this.#sandbox !== sandbox) {
      this.#tell('sandboxOther', 'note');
      this.#onOtherSandbox();
    }
    this.#sandbox = sandbox;
    this.#say('wxauthNone', 'note', wxauth.address === null);
    this.#say('wxauthGone', 'bad', wxauth.address !== null && !wxauth.serves, wxauth.address);
  }

  #say(word, look, holds, ...values) {
    if (holds) {
      this.#tell(word, look, ...values);
    } else {
      this.#drop(word);
    }
  }

  #tell(word, look, ...values) {
    if (!this.#told.has(word)) {
      this.#told.set(word, { look, values });
      this.#draw();
    }
  }

  #drop(word) {
    if (this.#told.delete(word)) {
      this.#draw();
    }
  }

  #draw() {
    const drawn = [...this.#told].map(([word, { look, values }]) => {
      const close = button('close', '×', () => this.#drop(word));
      close.setAttribute('aria-label', say('close'));
      return element('p', `notice ${look}`, say(word, ...values), look === 'note' ? close : null);
    });
    this.#list.replaceChildren(...drawn);
  }
}
