// The post of encrypted data: which keys the server tried, which opened it, and why none did.

import { drawAnswer, drawExchanges } from './exchanges.js';
import * as sandbox from './sandbox.js';

const moment = 0.001;
/** wxauth answers data that no key opens when its grace of a second is over. */
const graceIsFeltMs = 300;

/** The 2019 page: openid and data. A tap that is posted once more after a login counts once. */
export async function postPhone(recording, side, { key, data }, how = {}) {
  // Under no openid the server finds nobody's keys.
  const ring = side.openid === undefined ? [] : [...side.ring];
  const fields = { openid: side.openid ?? 'undefined', ...data };
  const answer = await sandbox.post(side.name, 'getWXUserPhone', fields);
  recording.arrow(side, answer.sentAt, 'phone', 'server', ['path', '/getWXUserPhone']);
  drawTried(recording, side, answer, ring, key);
  drawOutcome(recording, side, answer, ring, key, how);
}

/** A newer page: code and data in one call. */
export async function postUser(recording, side, code, { key, data }) {
  const answer = await sandbox.post(side.name, 'user', { code, ...data });
  recording.arrow(side, answer.sentAt, 'phone', 'server', ['path', '/user']);
  await drawExchanges(recording, side, code, answer);
  const ring = [...side.ring];
  drawTried(recording, side, answer, ring, key);
  drawOutcome(recording, side, answer, ring, key, {});
}

/** Newest first, up to the one that opens. */
function drawTried(recording, side, answer, ring, key) {
  const opened = answer.status === 200;
  const failing = ring.slice(0, opened && ring.includes(key) ? ring.indexOf(key) : ring.length);
  const tried = failing.map((fingerprint) => [fingerprint, 'fails']);
  const note = (time, words, more) => recording.note(side, time, 'server', words, more);
  if (opened && ring.includes(key)) {
    note(answer.answeredAt - moment, ['tries'], { keys: [...tried, [key, 'opens']] });
    return;
  }
  const holds = side.name === 'wxauth' ? 'noLivingKey' : 'noKey';
  const nothing = answer.fields.openid === 'undefined' ? 'unknownOpenid' : holds;
  note(answer.sentAt + moment, [ring.length > 0 ? 'tries' : nothing], { keys: tried });
  const waitedMs = Math.round(answer.answeredAt - answer.sentAt);
  if (opened) {
    note(answer.sentAt + 2 * moment, ['waits'], { look: 'wait' });
    note(answer.answeredAt - moment, ['tries'], { keys: [[key, 'opens']] });
  } else if (waitedMs > graceIsFeltMs) {
    note(answer.answeredAt - moment, ['waited', waitedMs], { look: 'wait' });
  }
}

function drawOutcome(recording, side, answer, ring, key, { isTap = true, loginIsLate = false }) {
  const opened = answer.status === 200;
  drawAnswer(recording, side, answer, () => {
    side.openid = answer.json.openid ?? answer.json.data?.openId ?? side.openid;
    side.number = opened ? numberIn(answer.json) : side.number;
    side.toast = opened ? null : answer.json.msg;
    if (isTap) {
      side.tapped(opened);
    } else if (opened) {
      side.healed();
    }
  });
  const why = opened ? whyOpened(ring, key) : whyFailed(side, answer, ring, key, loginIsLate);
  recording.verdict(side, answer.answeredAt + moment, opened ? 'ok' : 'bad', [why]);
}

function numberIn(json) {
  const data = json.data ?? json;
  return data.phoneNumber ?? data.phone;
}

function whyOpened(ring, key) {
  if (!ring.includes(key)) {
    return 'openedLate';
  }
  return ring[0] === key ? 'opened' : 'openedOlder';
}

function whyFailed(side, answer, ring, key, loginIsLate) {
  if (answer.fields.openid === 'undefined') {
    return 'failedNoOpenid';
  }
  if (answer.json.relogin) {
    return 'failedExpired';
  }
  if (loginIsLate) {
    return 'failedGone';
  }
  return side.name === 'oldDesign' && ring.length > 0 && !ring.includes(key)
    ? 'failedOther'
    : 'failed';
}
