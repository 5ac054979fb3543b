// One side of the page: a phone, its time, its server's database and its requests.

import { drawNewestKey, drawStoredKeys } from './database.js';
import { element, fromTemplate } from './element.js';
import { Requests } from './requests.js';
import { Sequence } from './sequence.js';
import { yuanATap } from './user.js';
import { onLanguage, say } from './words.js';

const signs = { ok: '✓', healed: '✓', failed: '✗' };

export class SideView {
  #article;
  #parts;
  #user;
  #sequence;
  #held = null;

  /** `user` tells who has the phone at the moment. */
  constructor(article, side, user, addressOf) {
    const [content, parts] = fromTemplate('side');
    article.append(content);
    this.#article = article;
    this.#parts = parts;
    this.side = side;
    this.#user = user;
    parts.name.id = `${side.name}-heading`;
    this.#sequence = new Sequence(parts.rows, `${side.name}Name`, () => user().keys);
    side.requests = new Requests(parts.requests, addressOf);
    onLanguage(() => this.draw());
    this.draw();
  }

  /** A new user, of whom nothing is known. */
  clear() {
    this.side.forget();
    this.side.requests.clear();
    this.#sequence.clear();
    this.#held = null;
    this.draw();
  }

  /** Draws this side's rows of a step, with a pause before each. */
  async play(says, recording, pause) {
    const rows = recording.rowsOf(this.side);
    if (rows.length > 0) {
      this.#sequence.add({ kind: 'step', words: [says] });
    }
    for (const row of rows) {
      await pause();
      this.#sequence.add(row);
      row.onDrawn?.();
      this.draw();
    }
  }

  /** What the server's database holds: rows of wxauth, or the old design's one fingerprint. */
  holds(held) {
    this.#held = held;
    this.#drawDatabase();
  }

  draw() {
    const { name } = this.side;
    this.#parts.name.textContent = say(`${name}Name`);
    this.#parts.is.textContent = say(`${name}Is`);
    this.#parts.laneServer.textContent = say(`${name}Name`);
    this.#parts.databaseName.textContent = say(`${name}Database`);
    this.#drawPhone();
    this.#drawOutcome();
    this.#drawDatabase();
  }

  #drawPhone() {
    const { openid, number, toast } = this.side;
    const { currentKey, keys } = this.#user();
    this.#parts.number.textContent = number ?? say('noNumber');
    this.#parts.number.classList.toggle('there', number !== null);
    this.#parts.openid.textContent = openid
      ? say('openid', `${openid.slice(0, 8)}…`)
      : say('noOpenid');
    this.#parts.toast.textContent = toast ?? '';
    this.#parts.toast.hidden = !toast;
    const current = currentKey === null ? say('noCurrent') : say('current');
    const key = currentKey === null ? [] : [' ', keys.draw(currentKey)];
    this.#parts.current.replaceChildren(current, ...key);
  }

  #drawOutcome() {
    const { firstTap, taps, failed } = this.side;
    const words = { ok: 'firstTapOk', healed: 'firstTapHealed', failed: 'firstTapFailed' };
    const verdict = firstTap === null ? '' : `${signs[firstTap]} ${say(words[firstTap])}`;
    this.#parts.verdict.textContent = verdict;
    this.#article.dataset.firstTap = firstTap ?? '';
    this.#parts.tally.textContent = say('tally', taps, failed, (failed * yuanATap).toFixed(2));
  }

  #drawDatabase() {
    const { keys } = this.#user();
    const drawn =
      this.side.name === 'wxauth'
        ? drawStoredKeys(this.#held, keys)
        : drawNewestKey(this.#held, keys);
    this.#parts.database.replaceChildren(drawn ?? element('p', 'none'));
  }
}
