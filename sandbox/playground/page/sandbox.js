// Everything that goes over the wire: to the sandbox, and through it to the two servers.

/** Thrown where somebody did not answer: `who` is `sandbox` or `wxauth`. */
export class Unreached extends Error {
  constructor(who) {
    super(`${who} did not answer`);
    this.who = who;
  }
}

/** `wx.login`; WeChat may replace the user's key at it. Returns the code. */
export async function wxLogin(user, rotate) {
  return (await ask('../sandbox/login', { user, rotate })).code;
}

/** The tap: what the phone encrypted with the user's current key. */
export function encryptedPhone(user) {
  return ask('../sandbox/phone', { user });
}

/** The user's openid, and the fingerprint of the key that is current at WeChat. */
export function currentKey(user) {
  return ask(`../sandbox/key?user=${encodeURIComponent(user)}`);
}

/** How a code was exchanged so far. */
export function exchangesOf(code) {
  return ask(`../sandbox/exchanges?code=${encodeURIComponent(code)}`);
}

/** What is connected, and what each side holds of a user. */
export function stateOf(openid) {
  return ask(`state?openid=${encodeURIComponent(openid)}`);
}

/** Makes the keys that wxauth holds of a user as old as they can get. */
export function expireKeys(openid) {
  return ask('expire', { openid });
}

/** wxauth's lines about a request. */
export async function logLines(requestId) {
  return (await ask(`log?request_id=${encodeURIComponent(requestId)}`)).lines;
}

/** Sends random users through both servers; calls back with each first tap. */
export async function simulate(users, signal, onTap) {
  const answer = await reach('simulation', { users }, {}, signal);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read().catch((error) => {
      throw signal.aborted ? error : new Unreached('sandbox');
    });
    const lines = (rest + (value ?? '')).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      onTap(JSON.parse(line));
    }
    if (done) {
      return;
    }
  }
}

/** A page's post to one side, and all that can be known of it from outside. */
export async function post(side, endpoint, fields) {
  const requestId = `playground-${crypto.randomUUID().slice(0, 8)}`;
  const sentAt = now();
  const path = `servers/${side}/${endpoint}`;
  const answer = await reach(path, fields, { 'X-Request-Id': requestId });
  const { status, body } = await answer.json();
  const answeredAt = now();
  if (status === null) {
    throw new Unreached('wxauth');
  }
  const json = asJson(body);
  return { side, endpoint, fields, requestId, sentAt, answeredAt, status, text: body, json };
}

/** Milliseconds since 1970, with fractions. */
export function now() {
  return performance.timeOrigin + performance.now();
}

async function ask(path, fields) {
  const answer = await reach(path, fields);
  if (!answer.ok) {
    throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  }
  return answer.json();
}

async function reach(path, fields, headers = {}, signal = undefined) {
  const body = fields && JSON.stringify(fields);
  const method = fields ? 'POST' : 'GET';
  const type = fields && { 'Content-Type': 'application/json' };
  try {
    return await fetch(path, { method, body, headers: { ...type, ...headers }, signal });
  } catch (error) {
    throw signal?.aborted ? error : new Unreached('sandbox');
  }
}

function asJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
