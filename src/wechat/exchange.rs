//! What an exchange gives, or why it gives nothing.

use std::fmt;
use std::time::Duration;

use crate::values::{OpenId, SessionKey, UnionId};

/// What WeChat gives for a good code.
#[derive(Debug, Clone)]
pub struct Session {
    pub openid: OpenId,
    pub session_key: SessionKey,
    /// Only for apps that are bound to an Open Platform account.
    pub unionid: Option<UnionId>,
}

/// Why an exchange gave no session. The text is for the log and holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExchangeError {
    /// WeChat refused the code.
    CodeRejected(String),
    /// WeChat blocked the user.
    UserBlocked(String),
    /// WeChat's limit for one user.
    RateLimited(String),
    /// WeChat's limit for the whole app; exchanges pause for so long.
    QuotaExhausted(String, Duration),
    /// The operator must act.
    Misconfigured(String),
    /// WeChat surely did not consume the code, up to the end of the budget.
    NotConsumed(String),
    /// An answer that cannot be used; the code may be consumed.
    Unusable(String),
    /// No answer within the budget; the code may be consumed.
    Timeout,
    /// Too many are under way.
    Busy,
}

impl fmt::Display for ExchangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CodeRejected(cause)
            | Self::UserBlocked(cause)
            | Self::RateLimited(cause)
            | Self::QuotaExhausted(cause, _)
            | Self::Misconfigured(cause)
            | Self::NotConsumed(cause)
            | Self::Unusable(cause) => f.write_str(cause),
            Self::Timeout => f.write_str("no answer from WeChat in time"),
            Self::Busy => f.write_str("too many exchanges under way"),
        }
    }
}
