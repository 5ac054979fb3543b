//! Exchanges with WeChat: how long they took, and what came of each attempt.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::{self, ByLabel};

pub struct Exchanges {
    durations: Histogram,
    attempts: ByLabel<Counter>,
    /// In their order of preference.
    hosts: Vec<Host>,
}

struct Host {
    answered: Counter,
    failed: Counter,
    left_out: Gauge,
}

/// Hosts are named by the configuration.
type HostLabels = Vec<(&'static str, String)>;

impl Exchanges {
    pub(super) fn register(
        registry: &mut Registry,
        attempts: &[&'static str],
        hosts: &[String],
    ) -> Self {
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
            hosts: Host::register(registry, hosts),
        }
    }

    /// What came of asking once, in a word of the table.
    pub fn attempted(&self, result: &str) {
        self.attempts.get(result).map(Counter::inc);
    }

    /// The host at this place of the order was asked once, and answered in WeChat's words or failed.
    pub fn asked(&self, place: usize, has_answered: bool) {
        if let Some(host) = self.hosts.get(place) {
            if has_answered {
                host.answered.inc()
            } else {
                host.failed.inc()
            };
        }
    }

    /// The host at this place of the order is left out, or serves again.
    pub fn left_out(&self, place: usize, is_left_out: bool) {
        if let Some(host) = self.hosts.get(place) {
            host.left_out.set(i64::from(is_left_out));
        }
    }

    pub fn ended(&self, elapsed: Duration) {
        self.durations.observe(elapsed.as_secs_f64());
    }
}

impl Host {
    fn register(registry: &mut Registry, hosts: &[String]) -> Vec<Self> {
        let attempts = Family::<HostLabels, Counter>::default();
        registry.register(
            "wechat_host_attempts",
            "Times that one of WeChat's hosts was asked, by whether it answered",
            attempts.clone(),
        );
        let left_out = Family::<HostLabels, Gauge>::default();
        registry.register(
            "wechat_host_left_out",
            "Whether one of WeChat's hosts is left out for a while, as it failed",
            left_out.clone(),
        );
        let host = |name: &String| {
            let labels = |result: &str| vec![("host", name.clone()), ("result", result.to_owned())];
            Self {
                answered: attempts.get_or_create_owned(&labels("answered")),
                failed: attempts.get_or_create_owned(&labels("failed")),
                left_out: left_out.get_or_create_owned(&vec![("host", name.clone())]),
            }
        };
        hosts.iter().map(host).collect()
    }
}
