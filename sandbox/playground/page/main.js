// The playground: puts the parts together, and plays one scene or deed at a time.

import { drawButtons, makeButtons } from './buttons.js';
import { Connection } from './connection.js';
import { Deeds } from './deeds.js';
import { SideView } from './side.js';
import { Simulation } from './simulation.js';
import { Side, User } from './user.js';
import { language, onLanguage, say, speak } from './words.js';

const byId = (id) => document.getElementById(id);

let user = new User();
/** `starting` until it is known who is there, then `still` or `playing`. */
let state = 'starting';
let isSkipping = false;
let narration = 'narrationStart';

const connection = new Connection(byId('notices'), {
  openid: () => user.openid,
  onState({ wxauth, oldDesign }) {
    views.wxauth.holds(wxauth.keys);
    views.oldDesign.holds(oldDesign.key);
    document.body.classList.toggle('alone', wxauth.address === null);
  },
  onOtherSandbox: startOver,
});
const views = { wxauth: makeView('wxauth'), oldDesign: makeView('oldDesign') };

makeButtons({
  onScene: (play) =>
    perform(async () => {
      startOver();
      await play(deeds());
      narrate('ended');
    }),
  onDeed: (run) => perform(() => run(deeds(), byId('replaces').checked)),
  onNewUser: startOver,
  onSkip() {
    isSkipping = true;
  },
});
new Simulation(byId('simulation'), byId('simulate'), (error) => connection.broke(error));
onLanguage(() => narrate(narration));
speak(language());
draw();
await connection.look();
state = 'still';
draw();
connection.watch();

function makeView(name) {
  const article = document.querySelector(`[data-side="${name}"]`);
  const oldDesign = `${location.origin}/old-design`;
  const address = () => (name === 'wxauth' ? connection.address : oldDesign);
  return new SideView(article, new Side(name), () => user, address);
}

/** What can be done, to the sides that are there. */
function deeds() {
  const connected = Object.values(views).map((view) => view.side);
  const there = connection.address === null ? [views.oldDesign.side] : connected;
  return new Deeds(user, there, play);
}

/** Does it, and says so where somebody did not answer. */
async function perform(deed) {
  state = 'playing';
  isSkipping = false;
  connection.mended();
  draw();
  showTheSides();
  try {
    await deed();
  } catch (error) {
    connection.broke(error);
    await connection.look();
  } finally {
    state = 'still';
    draw();
  }
}

/** A new user, whom neither server knows. */
function startOver() {
  user = new User();
  for (const view of Object.values(views)) {
    view.clear();
  }
  narrate('narrationStart');
  draw();
}

/** Draws what happened in a step, at the chosen pace, on both sides at once. */
async function play(says, recording) {
  narrate(says);
  await Promise.all(Object.values(views).map((view) => view.play(says, recording, pause)));
  await connection.look();
  await pause();
}

function pause() {
  const ms = isSkipping ? 0 : Number(byId('pace').value);
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function narrate(word) {
  narration = word;
  byId('narration').textContent = say(word);
}

function draw() {
  drawButtons({ state, hasLoggedIn: user.hasLoggedIn() });
}

/** On a small screen they lie below the buttons. */
function showTheSides() {
  document.querySelector('.sides').scrollIntoView({ block: 'nearest' });
  document.querySelector('.narration').scrollIntoView({ block: 'nearest' });
}
