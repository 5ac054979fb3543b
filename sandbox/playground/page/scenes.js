// The named interleavings, each played by itself. `firstTap` is how it ends on either side:
// `healed` is a failure that the page could mend without another tap.

export const scenes = [
  {
    name: 'quiet',
    firstTap: { wxauth: 'ok', oldDesign: 'ok' },
    async play(deeds) {
      await deeds.openPage();
      await deeds.tap();
    },
  },
  {
    name: 'replaced',
    firstTap: { wxauth: 'ok', oldDesign: 'failed' },
    async play(deeds) {
      await deeds.openPage();
      const tap = await deeds.encrypt();
      await deeds.openPage({ replaces: true, says: 'opensAgain' });
      await deeds.postLate(tap);
      await deeds.tap({ says: 'tapsAgain', sides: deeds.only('oldDesign') });
    },
  },
  {
    name: 'callback',
    firstTap: { wxauth: 'ok', oldDesign: 'failed' },
    async play(deeds) {
      await deeds.openPage();
      await deeds.tapLoggingInInTheCallback();
    },
  },
  {
    name: 'overtaken',
    firstTap: { wxauth: 'ok', oldDesign: 'failed' },
    async play(deeds) {
      await deeds.openPage();
      await deeds.tapOvertakingTheLogin();
    },
  },
  {
    name: 'lost',
    firstTap: { wxauth: 'ok', oldDesign: 'failed' },
    async play(deeds) {
      await deeds.openPageLosingTheAnswer();
      await deeds.tap();
    },
  },
  {
    name: 'twice',
    firstTap: { wxauth: 'ok', oldDesign: 'failed' },
    async play(deeds) {
      await deeds.openPagePostingTwice();
      await deeds.tap();
    },
  },
  {
    name: 'expired',
    firstTap: { wxauth: 'healed', oldDesign: 'failed' },
    async play(deeds) {
      await deeds.openPage();
      await deeds.letTheKeyExpire();
      const tap = await deeds.encrypt();
      await deeds.postLate(tap);
      await deeds.logInAgainWith(tap);
    },
  },
];

/** The same by hand: a button each. `needsLogin` waits for a page that was opened before. */
export const handDeeds = [
  { name: 'open', run: (deeds, replaces) => deeds.openPage({ replaces }) },
  { name: 'tap', needsLogin: true, run: (deeds) => deeds.tap() },
  {
    name: 'callback',
    needsLogin: true,
    run: (deeds, replaces) => deeds.tapLoggingInInTheCallback({ replaces }),
  },
  { name: 'twice', run: (deeds, replaces) => deeds.openPagePostingTwice({ replaces }) },
  { name: 'lost', run: (deeds, replaces) => deeds.openPageLosingTheAnswer({ replaces }) },
  {
    name: 'overtaken',
    needsLogin: true,
    run: (deeds, replaces) => deeds.tapOvertakingTheLogin({ replaces }),
  },
  { name: 'expire', needsLogin: true, run: (deeds) => deeds.letTheKeyExpire() },
];
