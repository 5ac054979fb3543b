// A side's time, drawn downwards: arrows between phone, server and WeChat, and what each does.

import { element } from './element.js';
import { onLanguage, say } from './words.js';

const empty = { kind: 'empty', words: ['sequenceEmpty'] };

export class Sequence {
  #list;
  #keys;
  #server;
  #rows = [];

  /** `server` is the word for the lane in the middle, `keys` tells the user's keys at the moment. */
  constructor(list, server, keys) {
    this.#list = list;
    this.#server = server;
    this.#keys = keys;
    onLanguage(() => this.#redraw());
    this.#redraw();
  }

  clear() {
    this.#rows = [];
    this.#redraw();
  }

  add(row) {
    if (this.#rows.length === 0) {
      this.#list.replaceChildren();
    }
    this.#rows.push(row);
    const drawn = this.#draw(row);
    drawn.classList.add('new');
    this.#list.append(drawn);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  #redraw() {
    const rows = this.#rows.length > 0 ? this.#rows : [empty];
    this.#list.replaceChildren(...rows.map((row) => this.#draw(row)));
  }

  #draw(row) {
    const [word, ...values] = row.words;
    const draw = ([fingerprint, mark]) => [' ', this.#keys().draw(fingerprint, mark)];
    const keys = (row.keys ?? []).flatMap(draw);
    const time = row.ms === undefined ? null : element('span', 'ms', `${row.ms} ms`);
    const label = element('span', 'label', this.#heard(row), say(word, ...values), ...keys);
    const drawn = element('li', classOf(row), time, label);
    if (row.kind === 'arrow') {
      drawn.append(element('span', 'line'));
    }
    return drawn;
  }

  /** What the position says to the eye. */
  #heard(row) {
    const lanes = { phone: 'lanePhone', server: this.#server, wechat: 'laneWechat' };
    if (row.kind === 'arrow') {
      const text = say('fromTo', say(lanes[row.from]), say(lanes[row.to]));
      return element('span', 'heard', text);
    }
    return row.kind === 'note' ? element('span', 'heard', `${say(lanes[row.lane])}: `) : null;
  }
}

function classOf({ kind, look = '', from, to, lane, isBoth }) {
  const places = { arrow: `from-${from} to-${to}`, note: `at-${lane}` };
  return `row ${kind} ${look} ${places[kind] ?? ''} ${isBoth ? 'both' : ''}`;
}
