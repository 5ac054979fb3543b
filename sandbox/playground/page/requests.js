// A side's requests, each with all that is known of it: bodies, log, a command to repeat it.

import { button, element } from './element.js';
import { logLines } from './sandbox.js';
import { language, onLanguage, say } from './words.js';

/** How long a button says that it has copied. */
const saysCopiedMs = 2000;

export class Requests {
  #list;
  #addressOf;
  #answers = [];

  /** `addressOf` tells where the server is, for the command. */
  constructor(list, addressOf) {
    this.#list = list;
    this.#addressOf = addressOf;
    onLanguage(() => this.#redraw());
    this.clear();
  }

  clear() {
    this.#answers = [];
    this.#redraw();
  }

  add(answer) {
    this.#answers.unshift(answer);
    if (answer.side === 'wxauth') {
      answer.log = logLines(answer.requestId).catch(() => []);
    }
    this.#redraw();
  }

  #redraw() {
    const open = new Set();
    for (const details of this.#list.querySelectorAll('details[open]')) {
      open.add(details.dataset.requestId);
    }
    const drawn = this.#answers.map((answer) => this.#draw(answer, open.has(answer.requestId)));
    const none = element('li', 'none', say('noRequests'));
    this.#list.replaceChildren(...(drawn.length > 0 ? drawn : [none]));
  }

  #draw(answer, isOpen) {
    const look = answer.status === 200 ? 'ok' : 'bad';
    const ms = Math.round(answer.answeredAt - answer.sentAt);
    const status = element('span', `status ${look}`, String(answer.status));
    const path = element('code', '', `POST /${answer.endpoint}`);
    const details = element(
      'details',
      '',
      element('summary', '', status, path, element('span', 'ms', `${ms} ms`)),
      element('h4', '', say('request')),
      element('pre', '', JSON.stringify(answer.fields, null, 2)),
      element('h4', '', say('answer', ms)),
      element('pre', '', pretty(answer)),
      ...drawLog(answer),
      element('p', 'more', this.#copyButton(answer), docsLink(answer)),
    );
    details.open = isOpen;
    details.dataset.requestId = answer.requestId;
    return element('li', '', details);
  }

  #copyButton(answer) {
    const copy = button('quiet', say('copy'), async () => {
      const copied = await copyText(curlOf(answer, this.#addressOf()));
      copy.textContent = say(copied ? 'copied' : 'copyFailed');
      setTimeout(() => {
        copy.textContent = say('copy');
      }, saysCopiedMs);
    });
    return copy;
  }
}

/** The same post from a shell. */
export function curlOf({ endpoint, fields }, address) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const body = quoted(JSON.stringify(fields));
  return `curl -i ${address}/${endpoint} -H 'Content-Type: application/json' -d ${body}`;
}

function pretty({ text, json }) {
  return text.startsWith('{') ? JSON.stringify(json, null, 2) : text;
}

function drawLog(answer) {
  if (answer.side !== 'wxauth') {
    return [];
  }
  const lines = element('pre', 'log', '…');
  answer.log.then((found) => {
    lines.textContent = found.length > 0 ? found.join('\n') : say('noLog');
  });
  return [element('h4', '', say('log')), lines];
}

function docsLink({ json }) {
  if (json.error === undefined) {
    return null;
  }
  const link = element('a', '', say('docs', json.error));
  const page = language() === 'zh' ? 'errors.zh' : 'errors';
  link.href = `docs/${page}#${json.error}`;
  link.target = '_blank';
  return link;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
