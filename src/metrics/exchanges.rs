//! Exchanges with WeChat: how long they took, and what came of each attempt.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family;

/// What came of asking WeChat once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
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

/// The errcodes that are documented for a login; any other is the last, so that the series are
/// bounded.
const RESULTS: [&str; 16] = [
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

pub struct Exchanges {
    durations: Histogram,
    /// In the order of [`RESULTS`].
    attempts: [Counter; RESULTS.len()],
}

impl Exchanges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        Self {
            durations: family::latency(
                registry,
                "wechat_exchange_duration",
                "Exchanges with WeChat, from the first attempt to the end of the last",
            ),
            attempts: family::counters(
                registry,
                "wechat_attempts",
                "Times that WeChat was asked, by errcode or what else came of it",
                "result",
                RESULTS,
            ),
        }
    }

    pub fn attempted(&self, attempt: Attempt) {
        let index = RESULTS.iter().position(|result| attempt.is(result));
        self.attempts.get(index.unwrap_or(RESULTS.len() - 1)).map(Counter::inc);
    }

    pub fn ended(&self, elapsed: Duration) {
        self.durations.observe(elapsed.as_secs_f64());
    }
}

impl Attempt {
    fn is(self, result: &str) -> bool {
        match self {
            Self::Ok => result == "ok",
            Self::ConnectionRefused => result == "connection_refused",
            Self::Transport => result == "transport",
            Self::Timeout => result == "timeout",
            Self::Unusable => result == "unusable",
            Self::Errcode(errcode) => result.parse() == Ok(errcode),
        }
    }
}
