// Elements in one line.

import { sayWords } from './words.js';

/** An element with a class and children; `null` children are left out. */
export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** A button that calls back. */
export function button(className, text, onClick) {
  const made = element('button', className, text);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

/** A copy of a template, and its parts by name. */
export function fromTemplate(id) {
  const made = document.getElementById(id).content.cloneNode(true);
  sayWords(made);
  const parts = {};
  for (const part of made.querySelectorAll('[data-part]')) {
    parts[part.dataset.part] = part;
  }
  return [made, parts];
}
