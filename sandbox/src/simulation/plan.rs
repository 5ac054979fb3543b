//! What happens to one simulated user, drawn at random.

use fastrand::Rng;
use serde::Serialize;

/// One `wx.login` and the post of its code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Login {
    /// Whether WeChat replaces the key.
    pub(super) rotates: bool,
    pub(super) posting: Posting,
}

/// What the network and the page make of one post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Posting {
    Once,
    /// Both at the same time, perhaps to different processes.
    Twice,
    /// The page hears nothing, and posts the same again.
    LostAnswer,
}

/// The tap on "authorise phone".
#[derive(Debug, Clone, Copy)]
pub(super) enum Tap {
    /// The 2019 page: openid and data.
    OldPage(Posting),
    /// `wx.login` in the tap's callback, then code and data in one call.
    OneCall(Login),
}

/// The steps, in the order of the phone's clock.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Logins that are over before the tap; the first brings the openid.
    pub(super) before: Vec<Login>,
    /// `wx.login` ran before the tap, but the post of its code arrives after it.
    pub(super) overtaken: Vec<Login>,
    /// Logins between the phone's encryption and the tap's post.
    pub(super) after: Vec<Login>,
    pub(super) tap: Tap,
}

/// The worst that a plan does to a server, from harmless to hard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    Quiet,
    PostedAgain,
    KeyReplaced,
    LoginInCallback,
    LoginOvertaken,
}

impl Trouble {
    /// For a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quiet => "nothing: one login after the other, then the tap",
            Self::PostedAgain => "a double post, or an answer lost and posted again",
            Self::KeyReplaced => "a login replaced the key after the phone had encrypted",
            Self::LoginInCallback => "wx.login in the tap's callback replaced the key",
            Self::LoginOvertaken => "the tap overtook the login whose key it needs",
        }
    }
}

impl Plan {
    pub(super) fn random(rng: &mut Rng) -> Self {
        let logins = |rng: &mut Rng, most| {
            let count = rng.usize(0..=most);
            (0..count).map(|_| Login::random(rng)).collect::<Vec<_>>()
        };
        let mut before = vec![Login::random(rng)];
        before.extend(logins(rng, 2));
        let overtaken = if rng.u8(0..4) == 0 { logins(rng, 2) } else { Vec::new() };
        let after = if rng.u8(0..4) == 0 { logins(rng, 2) } else { Vec::new() };
        let tap = match rng.u8(0..4) {
            0 => Tap::OneCall(Login::random(rng)),
            _ => Tap::OldPage(Posting::random(rng)),
        };
        Self { before, overtaken, after, tap }
    }

    pub(super) fn trouble(&self) -> Trouble {
        let replaces = |logins: &[Login]| logins.iter().any(|login| login.rotates);
        let is_again = |posting: Posting| posting != Posting::Once;
        let posts_again = |logins: &[Login]| logins.iter().any(|login| is_again(login.posting));
        if replaces(&self.overtaken) {
            return Trouble::LoginOvertaken;
        }
        if matches!(self.tap, Tap::OneCall(Login { rotates: true, .. })) {
            return Trouble::LoginInCallback;
        }
        if replaces(&self.after) {
            return Trouble::KeyReplaced;
        }
        let tap = match self.tap {
            Tap::OldPage(posting) | Tap::OneCall(Login { posting, .. }) => posting,
        };
        let again = posts_again(&self.before) || posts_again(&self.overtaken);
        if again || posts_again(&self.after) || is_again(tap) {
            return Trouble::PostedAgain;
        }
        Trouble::Quiet
    }
}

impl Login {
    fn random(rng: &mut Rng) -> Self {
        Self { rotates: rng.u8(0..10) < 6, posting: Posting::random(rng) }
    }
}

impl Posting {
    fn random(rng: &mut Rng) -> Self {
        match rng.u8(0..10) {
            0 => Self::Twice,
            1 => Self::LostAnswer,
            _ => Self::Once,
        }
    }
}
