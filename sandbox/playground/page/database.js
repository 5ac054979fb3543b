// What a side's database holds of the user, as it is looked up while the page is open.

import { element } from './element.js';
import { say } from './words.js';

const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** wxauth's rows of session_overview, newest first; `null` where they cannot be looked into. */
export function drawStoredKeys(rows, keys) {
  if (rows === null) {
    return element('p', 'none', say('cannotLook'));
  }
  if (rows.length === 0) {
    return element('p', 'none', say('holdsNothing'));
  }
  const lines = rows.map((row) => [
    keys.draw(row.keyFingerprint),
    element('code', '', row.keyFingerprint.slice(0, 8)),
    timeOfDay(row.firstSeenAt),
    timeOfDay(row.issuedAt),
    row.active ? span(row.secondsLeft) : element('span', 'bad', say('dead')),
  ]);
  return table(['key', 'fingerprint', 'firstSeen', 'issued', 'left'], lines);
}

/** The old design's one row. */
export function drawNewestKey(fingerprint, keys) {
  if (fingerprint === null) {
    return element('p', 'none', say('holdsNothing'));
  }
  const code = element('code', '', fingerprint.slice(0, 8));
  return table(['key', 'fingerprint', 'age'], [[keys.draw(fingerprint), code, say('ageUnknown')]]);
}

function table(words, lines) {
  const head = element('tr', '', ...words.map((word) => element('th', '', say(word))));
  const row = (cells) => element('tr', '', ...cells.map((cell) => element('td', '', cell)));
  const body = element('tbody', '', ...lines.map(row));
  return element('table', '', element('thead', '', head), body);
}

/** `2026-11-24 10:20:30.123` to `10:20:30`. */
function timeOfDay(time) {
  return time.slice(11, 19);
}

function span(seconds) {
  if (seconds >= 2 * day) {
    return say('days', (seconds / day).toFixed(1));
  }
  return seconds >= hour
    ? say('hours', (seconds / hour).toFixed(1))
    : say('minutes', Math.ceil(seconds / minute));
}
