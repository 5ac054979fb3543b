// What happened in one step, on both sides, to be drawn slower than it was.
//
// A row is an arrow (`from`, `to`), a note (`at` one lane) or a verdict. `words` are said when it is
// drawn, `keys` are pairs of fingerprint and mark, `onDrawn` is what the page makes of it.

import { now } from './sandbox.js';

export class Recording {
  #began = now();
  #rows = { wxauth: [], oldDesign: [] };

  /** Both ends of a request or an exchange are arrows; `both` has heads at either end. */
  arrow(side, time, from, to, words, more = {}) {
    this.#add(side, time, { kind: 'arrow', from, to, words, ...more });
  }

  /** What one of them does by itself. */
  note(side, time, lane, words, more = {}) {
    this.#add(side, time, { kind: 'note', lane, words, ...more });
  }

  /** Why it came out as it did. */
  verdict(side, time, look, words) {
    this.#add(side, time, { kind: 'verdict', look, words });
  }

  /** A side's rows in the order of time, each with the milliseconds since the step began. */
  rowsOf(side) {
    const rows = this.#rows[side.name].toSorted((one, other) => one.time - other.time);
    return rows.map((row) => ({ ...row, ms: Math.max(0, Math.round(row.time - this.#began)) }));
  }

  #add(side, time, row) {
    this.#rows[side.name].push({ time, ...row });
  }
}
