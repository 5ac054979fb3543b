// Keys as people tell them apart: by a letter and a colour, in the order in which they appear.

import { element } from './element.js';
import { say } from './words.js';

const colours = 6;
const signs = { opens: ' ✓', fails: ' ✗' };
const names = { '': 'keyNamed', opens: 'keyOpens', fails: 'keyFails' };
const namespace = 'http://www.w3.org/2000/svg';
/** A ring with a hole, a shaft, and two teeth. */
const outline =
  'M4 0a4 4 0 1 0 3.9 5H11v2h2V5h1v1.5h2V3H7.9A4 4 0 0 0 4 0Zm0 2.5a1.5 1.5 0 1 1 0 3 1.5 1.5 0 0 1 0-3Z';

export class Keys {
  #order = [];

  knows(fingerprint) {
    return this.#order.includes(fingerprint);
  }

  /** Its place in the order of appearance, from 0. */
  placeOf(fingerprint) {
    if (!this.knows(fingerprint)) {
      this.#order.push(fingerprint);
    }
    return this.#order.indexOf(fingerprint);
  }

  /** What is drawn for it; `mark` is `opens`, `fails` or nothing. */
  draw(fingerprint, mark = '') {
    const place = this.placeOf(fingerprint);
    const letter = String.fromCharCode(65 + (place % 26));
    const look = `key colour-${place % colours} ${mark}`;
    const drawn = element('span', look, picture(), letter, signs[mark] ?? '');
    drawn.title = fingerprint;
    drawn.role = 'img';
    drawn.ariaLabel = say(names[mark], letter);
    return drawn;
  }
}

function picture() {
  const svg = document.createElementNS(namespace, 'svg');
  svg.setAttribute('viewBox', '0 0 16 8');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(namespace, 'path');
  path.setAttribute('d', outline);
  svg.append(path);
  return svg;
}
