// The post of a login code, and the exchange with WeChat behind it.

import * as sandbox from './sandbox.js';

/** Rows of the same moment keep their order by this. */
const moment = 0.001;

/** A post that has left the phone and will take a while. */
export function setOut(recording, side, time, endpoint) {
  recording.arrow(side, time, 'phone', 'server', ['heldPost', `/${endpoint}`], { look: 'lost' });
}

/** Posts the code; where the answer is lost, the page does not hear it. */
export async function postCode(recording, side, code, { isLost = false, wasSlow = false } = {}) {
  const answer = await sandbox.post(side.name, 'code2Session', { jsCode: code });
  const words = wasSlow ? ['arrivedPost', '/code2Session'] : ['path', '/code2Session'];
  recording.arrow(side, answer.sentAt, 'phone', 'server', words);
  await drawExchanges(recording, side, code, answer);
  if (isLost) {
    const lost = { look: 'lost', onDrawn: () => side.requests.add(answer) };
    const said = ['lostAnswer', String(answer.status)];
    recording.arrow(side, answer.answeredAt, 'server', 'phone', said, lost);
    return;
  }
  drawAnswer(recording, side, answer, () => {
    // As pages of the time do: any answer is a success, and a refused one has no openid.
    side.openid = answer.json.openid;
    side.toast = answer.status === 200 ? null : answer.json.msg;
  });
}

/** WeChat's part, as the sandbox noted it, and what the server keeps of it. */
export async function drawExchanges(recording, side, code, answer) {
  const all = await sandbox.exchangesOf(code);
  const drawn = side.drawnExchanges.get(code) ?? 0;
  side.drawnExchanges.set(code, Math.max(drawn, all.length));
  const time = (exchange) => Math.max(exchange.at, answer.sentAt + moment);
  for (const exchange of all.slice(drawn)) {
    drawExchange(recording, side, time(exchange), exchange);
  }
  if (all.length === drawn) {
    recording.note(side, answer.answeredAt - moment, 'server', ['knowsCode']);
  }
}

export function drawAnswer(recording, side, answer, onDrawn) {
  const isOk = answer.status === 200;
  const name = isOk ? 'ok' : (answer.json.error ?? answer.json.msg ?? '');
  recording.arrow(
    side,
    answer.answeredAt,
    'server',
    'phone',
    ['path', `${answer.status} ${name}`],
    {
      look: isOk ? 'ok' : 'bad',
      onDrawn: () => {
        side.requests.add(answer);
        onDrawn();
      },
    },
  );
}

function drawExchange(recording, side, time, { errcode, keyFingerprint }) {
  if (keyFingerprint === null) {
    const words = errcode === null ? ['noAnswer'] : ['refusedCode', errcode];
    recording.arrow(side, time, 'server', 'wechat', words, { isBoth: true, look: 'bad' });
    return;
  }
  const keys = [[keyFingerprint]];
  recording.arrow(side, time, 'server', 'wechat', ['session'], { isBoth: true, keys });
  const words = [howItIsKept(side, keyFingerprint)];
  side.stores(keyFingerprint);
  const held = side.ring.map((fingerprint) => [fingerprint]);
  recording.note(side, time + moment, 'server', words, { keys: held });
}

function howItIsKept(side, fingerprint) {
  if (side.ring.includes(fingerprint)) {
    return side.name === 'wxauth' ? 'keepsAgain' : 'keepsFirst';
  }
  if (side.ring.length === 0) {
    return 'keepsFirst';
  }
  return side.name === 'wxauth' ? 'keepsBeside' : 'replacesKey';
}
