// Both languages say the same things.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { english } from '../page/words.en.js';
import { chinese } from '../page/words.zh.js';

const values = (sentence) => [...sentence.matchAll(/\{\d\}/g)].map(([value]) => value).sort();

test('each word is there in both languages, with the same values', () => {
  assert.deepEqual(Object.keys(chinese), Object.keys(english));
  for (const [word, sentence] of Object.entries(english)) {
    assert.deepEqual(values(chinese[word]), values(sentence), word);
  }
});

test('Chinese sentences are Chinese', () => {
  const same = Object.keys(english).filter((word) => chinese[word] === english[word]);
  assert.deepEqual(same, ['openid', 'wxauthName', 'path', 'session']);
});
