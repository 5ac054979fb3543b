// The page's language: what it is, how it changes, and how a sentence is said in it.

import { english } from './words.en.js';
import { chinese } from './words.zh.js';

const languages = { en: english, zh: chinese };
const tags = { en: 'en', zh: 'zh-CN' };
const remembered = 'wxauth-playground-language';

let current = localStorage.getItem(remembered) ?? preferred();
const listeners = [];

function preferred() {
  const known = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in languages);
  return known ?? 'en';
}

export function language() {
  return current;
}

/** Says a word or a sentence; `{0}`, `{1}` … in it are the values. */
export function say(word, ...values) {
  const sentence = languages[current][word];
  if (sentence === undefined) {
    throw new Error(`no word for ${word}`);
  }
  return sentence.replace(/\{(\d)\}/g, (_, index) => values[index]);
}

/** Calls the listener whenever the language has changed. */
export function onLanguage(listener) {
  listeners.push(listener);
}

export function speak(chosen) {
  current = chosen;
  localStorage.setItem(remembered, chosen);
  sayWords(document);
  for (const listener of listeners) {
    listener();
  }
}

/** Fills the elements that name their word: as their text, or as what a screen reader calls them. */
export function sayWords(root) {
  document.documentElement.lang = tags[current];
  document.title = say('title');
  for (const element of root.querySelectorAll('[data-word]')) {
    element.textContent = say(element.dataset.word);
  }
  for (const element of root.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', say(element.dataset.label));
  }
}
