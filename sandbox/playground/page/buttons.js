// The buttons: made once, named in the page's language, and still while something plays.

import { element } from './element.js';
import { handDeeds, scenes } from './scenes.js';
import { language, onLanguage, say, speak } from './words.js';

const needsLogin = new Set(handDeeds.filter((deed) => deed.needsLogin).map((deed) => deed.name));
const byId = (id) => document.getElementById(id);

/** `onScene` and `onDeed` get the scene's own `play` or the deed's own `run`. */
export function makeButtons({ onScene, onDeed, onNewUser, onSkip }) {
  for (const { name, play } of scenes) {
    const made = makeButton('scene', name, () => onScene(play));
    made.append(element('b', ''), element('span', ''));
    byId('scenes').append(element('li', '', made));
  }
  for (const { name, run } of handDeeds) {
    byId('deeds').append(makeButton('deed', name, () => onDeed(run)));
  }
  byId('deeds').append(makeButton('deed', 'newUser', onNewUser));
  const tap = handDeeds.find((deed) => deed.name === 'tap');
  for (const authorise of document.querySelectorAll('.authorise')) {
    whenEnabled(authorise, () => onDeed(tap.run));
  }
  whenEnabled(byId('skip'), onSkip);
  for (const made of document.querySelectorAll('[data-language]')) {
    whenEnabled(made, () => speak(made.dataset.language));
  }
  onLanguage(nameButtons);
}

/** Which of them do something at the moment: all only while the page is `still`. */
export function drawButtons({ state, hasLoggedIn }) {
  for (const made of document.querySelectorAll('[data-scene], [data-deed]')) {
    const lacksLogin = needsLogin.has(made.dataset.deed) && !hasLoggedIn;
    made.setAttribute('aria-disabled', state !== 'still' || lacksLogin);
  }
  byId('skip').hidden = state !== 'playing';
  document.body.dataset.state = state;
}

function makeButton(kind, name, act) {
  const made = element('button', kind);
  made.type = 'button';
  made.dataset[kind] = name;
  whenEnabled(made, act);
  return made;
}

/** What is pressed while it is disabled does nothing; the keyboard's focus stays on it. */
function whenEnabled(made, act) {
  made.addEventListener('click', () => {
    if (made.getAttribute('aria-disabled') !== 'true') {
      act();
    }
  });
}

function nameButtons() {
  for (const made of document.querySelectorAll('[data-scene]')) {
    made.firstChild.textContent = say(made.dataset.scene);
    made.lastChild.textContent = say(`${made.dataset.scene}Is`);
  }
  for (const made of byId('deeds').children) {
    made.textContent = say(`${made.dataset.deed}Deed`);
  }
  for (const made of document.querySelectorAll('[data-language]')) {
    made.setAttribute('aria-pressed', made.dataset.language === language());
  }
}
