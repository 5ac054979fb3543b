// A thousand random users through both servers, and how their first taps went.

import { element } from './element.js';
import { simulate } from './sandbox.js';
import { yuanATap } from './user.js';
import { onLanguage, say } from './words.js';

const users = 1000;
const sides = ['wxauth', 'oldDesign'];
const troubles = {
  quiet: 'quietTrouble',
  postedAgain: 'postedAgain',
  keyReplaced: 'keyReplaced',
  loginInCallback: 'loginInCallback',
  loginOvertaken: 'loginOvertaken',
};

export class Simulation {
  #place;
  #start;
  #stop = null;
  /** Taps and successes by side and trouble; `null` before the first run. */
  #figures = null;
  #onBroken;

  constructor(place, start, onBroken) {
    this.#place = place;
    this.#start = start;
    this.#onBroken = onBroken;
    start.addEventListener('click', () => this.#toggle());
    onLanguage(() => this.#draw());
  }

  async #toggle() {
    if (this.#stop !== null) {
      this.#stop.abort();
      return;
    }
    this.#stop = new AbortController();
    this.#figures = Object.fromEntries(sides.map((side) => [side, {}]));
    this.#draw();
    try {
      await simulate(users, this.#stop.signal, (tap) => this.#count(tap));
    } catch (error) {
      if (!this.#stop.signal.aborted) {
        this.#onBroken(error);
      }
    }
    this.#stop = null;
    this.#draw();
  }

  #count({ side, trouble, opened }) {
    const figures = this.#figures[side];
    figures[trouble] ??= { taps: 0, successes: 0 };
    figures[trouble].taps += 1;
    figures[trouble].successes += opened ? 1 : 0;
    this.#drawSoon();
  }

  #isDue = false;

  /** Once a frame, however fast they come. */
  #drawSoon() {
    if (!this.#isDue) {
      this.#isDue = true;
      requestAnimationFrame(() => {
        this.#isDue = false;
        this.#draw();
      });
    }
  }

  #draw() {
    this.#start.textContent = say(this.#stop === null ? 'simulate' : 'stop');
    this.#place.dataset.state = this.#stop === null ? 'still' : 'running';
    if (this.#figures !== null) {
      this.#place.replaceChildren(...sides.map((side) => this.#drawSum(side)), this.#drawTable());
    }
  }

  #sum(side) {
    const all = Object.values(this.#figures[side]);
    const taps = all.reduce((sum, figure) => sum + figure.taps, 0);
    const successes = all.reduce((sum, figure) => sum + figure.successes, 0);
    return { taps, successes };
  }

  #drawSum(side) {
    const { taps, successes } = this.#sum(side);
    const failed = taps - successes;
    const yuan = (failed * yuanATap).toFixed(2);
    return element(
      'div',
      `sum ${side}`,
      element('h3', '', say(`${side}Name`), element('b', '', percent(taps, successes))),
      bar(successes, users, `${say(`${side}Name`)}: ${percent(taps, successes)}`),
      element('p', '', say('firstTaps', successes, taps), ' · ', say('cost', failed, yuan)),
    );
  }

  #drawTable() {
    const words = ['trouble', 'users', 'wxauthName', 'oldDesignName'];
    const head = element('tr', '', ...words.map((word) => element('th', '', say(word))));
    const lines = Object.entries(troubles).map(([trouble, word]) => {
      const figures = sides.map(
        (side) => this.#figures[side][trouble] ?? { taps: 0, successes: 0 },
      );
      return line(say(word), figures);
    });
    const all = line(
      say('all'),
      sides.map((side) => this.#sum(side)),
    );
    all.className = 'all';
    const table = element(
      'table',
      '',
      element('thead', '', head),
      element('tbody', '', ...lines, all),
    );
    const scrolls = element('div', 'scrolls', table);
    scrolls.tabIndex = 0;
    scrolls.role = 'group';
    scrolls.ariaLabel = say('simulation');
    return scrolls;
  }
}

function line(name, figures) {
  const cells = figures.map(({ taps, successes }) =>
    element('td', 'figure', percent(taps, successes), bar(successes, taps, name)),
  );
  return element(
    'tr',
    '',
    element('th', '', name),
    element('td', '', String(figures[0].taps)),
    ...cells,
  );
}

function bar(value, most, label) {
  const drawn = element('progress', '');
  drawn.max = Math.max(most, 1);
  drawn.value = value;
  drawn.setAttribute('aria-label', label);
  return drawn;
}

function percent(taps, successes) {
  return taps === 0 ? '–' : `${((100 * successes) / taps).toFixed(1)} %`;
}
