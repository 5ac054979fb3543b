//! Exchanges with WeChat: how long they took, and what came of each attempt.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::{self, ByLabel};

pub struct Exchanges {
    durations: Histogram,
    attempts: ByLabel<Counter>,
}

impl Exchanges {
    pub(super) fn register(registry: &mut Registry, attempts: &[&'static str]) -> Self {
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
                attempts,
            ),
        }
    }

    /// What came of asking once, in a word of the table.
    pub fn attempted(&self, result: &str) {
        self.attempts.get(result).map(Counter::inc);
    }

    pub fn ended(&self, elapsed: Duration) {
        self.durations.observe(elapsed.as_secs_f64());
    }
}
