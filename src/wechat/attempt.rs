//! What came of asking WeChat once: in the words that metrics count it by, and as what the login
//! is told.

use super::answer::Refusal;
use super::errcodes::{Class, ERRCODES};
use super::exchange::{ExchangeError, Session};

/// What came of asking WeChat once. The texts are for the log, and hold nothing secret.
pub(super) enum Attempt {
    Session(Session),
    Refusal(Refusal),
    /// An answer that holds neither a session nor an errcode, or does not come with 200.
    Unusable(String),
    /// Nothing was sent, as no connection came about.
    NoConnection(String),
    /// A connection that broke after the request may have been sent, or what is not HTTP.
    Transport(String),
    /// The request may have been sent, and no answer came.
    Timeout,
}

const OUTCOMES: [&str; 5] = ["ok", "no_connection", "transport", "timeout", "unusable"];
/// The name of an errcode that is not in the table, so that names are bounded.
const OTHER: &str = "other";
const NAMES: usize = OUTCOMES.len() + ERRCODES.len() + 1;

/// Every name that an attempt may have.
pub const ATTEMPTS: [&str; NAMES] = names();

#[expect(clippy::indexing_slicing, reason = "the compiler does it, and sees the bounds")]
const fn names() -> [&'static str; NAMES] {
    let mut names = [OTHER; NAMES];
    let mut next = 0;
    while next < OUTCOMES.len() {
        names[next] = OUTCOMES[next];
        next += 1;
    }
    while next < OUTCOMES.len() + ERRCODES.len() {
        names[next] = ERRCODES[next - OUTCOMES.len()].name;
        next += 1;
    }
    names
}

impl Attempt {
    /// One of [`ATTEMPTS`].
    pub fn name(&self) -> &'static str {
        match self {
            Self::Session(_) => "ok",
            Self::NoConnection(_) => "no_connection",
            Self::Transport(_) => "transport",
            Self::Timeout => "timeout",
            Self::Unusable(_) => "unusable",
            Self::Refusal(refusal) => refusal.row().map_or(OTHER, |row| row.name),
        }
    }

    /// What it means if nothing better comes. A used up quota has its own end, in `client`.
    pub fn into_result(self) -> Result<Session, ExchangeError> {
        Err(match self {
            Self::Session(session) => return Ok(session),
            Self::Refusal(refusal) => refused(&refusal),
            Self::NoConnection(cause) => ExchangeError::NotConsumed(cause),
            Self::Unusable(cause) | Self::Transport(cause) => ExchangeError::Unusable(cause),
            Self::Timeout => ExchangeError::Timeout,
        })
    }
}

fn refused(refusal: &Refusal) -> ExchangeError {
    let cause = refusal.to_string();
    match refusal.class() {
        Class::Code => ExchangeError::CodeRejected(cause),
        Class::User => ExchangeError::UserBlocked(cause),
        Class::Rate => ExchangeError::RateLimited(cause),
        Class::Operator => ExchangeError::Misconfigured(cause),
        Class::Busy => ExchangeError::NotConsumed(cause),
        Class::Quota | Class::Unusable => ExchangeError::Unusable(cause),
    }
}
