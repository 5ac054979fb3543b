//! What came of asking WeChat once, in the words that metrics count it by.

use super::answer::read_errcode;
use super::exchange::{ExchangeError, Session};

/// What came of asking WeChat once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    Ok,
    /// WeChat's address refused the connection.
    ConnectionRefused,
    /// No connection, a broken one, or HTTP that is not WeChat's.
    Transport,
    Timeout,
    /// An answer that holds neither a session nor an errcode.
    Unusable,
    Errcode(i64),
}

/// Every name that an attempt may have: the errcodes are those that are documented for a login; any
/// other is the last, so that they are bounded.
pub const ATTEMPTS: [&str; 16] = [
    "ok",
    "connection_refused",
    "transport",
    "timeout",
    "unusable",
    "-1",
    "40002",
    "40013",
    "40029",
    "40125",
    "40163",
    "40226",
    "41002",
    "41004",
    "45011",
    "other",
];

impl Attempt {
    pub fn answered(answer: &Result<Session, ExchangeError>, body: &[u8]) -> Self {
        match answer {
            Ok(_) => Self::Ok,
            Err(_) => read_errcode(body).map_or(Self::Unusable, Self::Errcode),
        }
    }

    pub fn unanswered(error: &ExchangeError) -> Self {
        match error {
            ExchangeError::NotConsumed(_) => Self::ConnectionRefused,
            ExchangeError::Timeout => Self::Timeout,
            _ => Self::Transport,
        }
    }

    /// One of [`ATTEMPTS`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ConnectionRefused => "connection_refused",
            Self::Transport => "transport",
            Self::Timeout => "timeout",
            Self::Unusable => "unusable",
            Self::Errcode(errcode) => {
                let mut names = ATTEMPTS.into_iter();
                names.find(|name| name.parse() == Ok(errcode)).unwrap_or("other")
            }
        }
    }
}
