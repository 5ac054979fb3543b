//! All metrics of a process, and their text.

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::exchanges::Exchanges;
use super::family;
use super::keys::Keys;
use super::requests::Requests;
use super::store::StoreMetrics;
use crate::logging;

/// The words that labels may hold, from the rooms that own them.
pub struct Words {
    /// Paths that are answered; any other is counted as `other`.
    pub paths: &'static [&'static str],
    /// Names of errors.
    pub errors: &'static [&'static str],
    /// What may come of asking WeChat once; anything else is counted as the last.
    pub attempts: &'static [&'static str],
    /// Kinds of damage to base64.
    pub damages: &'static [&'static str],
}

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    pub requests: Requests,
    pub exchanges: Exchanges,
    pub keys: Keys,
    pub codes_answered_again: Counter,
    pub waiting_requests: Gauge,
    pub open_connections: Gauge,
    pub purges: Purges,
    pub store: StoreMetrics,
}

/// What purging removed, and how often it had to stop.
pub struct Purges {
    pub keys: Counter,
    pub codes: Counter,
    pub failures: Counter,
}

impl Metrics {
    /// `hosts` are WeChat's, in their order of preference.
    pub fn new(words: &Words, hosts: &[String]) -> Self {
        let mut registry = Registry::with_prefix("wxauth");
        let requests = Requests::register(&mut registry, words.paths, words.errors);
        let exchanges = Exchanges::register(&mut registry, words.attempts, hosts);
        let keys = Keys::register(&mut registry, words.damages);
        let codes_answered_again = family::counter(
            &mut registry,
            "codes_answered_again",
            "Login codes that were posted again and answered without another exchange",
        );
        let waiting_requests = Gauge::default();
        registry.register(
            "waiting_requests",
            "Requests that wait for a login that is still under way",
            waiting_requests.clone(),
        );
        let open_connections = Gauge::default();
        registry.register(
            "open_connections",
            "Connections of callers, idle ones too",
            open_connections.clone(),
        );
        registry.register(
            "log_lines_dropped",
            "Lines of the log that nobody read in time",
            logging::dropped(),
        );
        let purges = Purges::register(&mut registry);
        let store = StoreMetrics::register(&mut registry);
        Self {
            registry,
            requests,
            exchanges,
            keys,
            codes_answered_again,
            waiting_requests,
            open_connections,
            purges,
            store,
        }
    }

    /// The text that Prometheus reads, in the OpenMetrics format.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

impl Purges {
    fn register(registry: &mut Registry) -> Self {
        let mut counter = |name, help| family::counter(registry, name, help);
        Self {
            keys: counter("purged_keys", "Keys that were removed, expired or without a user"),
            codes: counter("purged_codes", "Old login codes that were removed"),
            failures: counter("purge_failures", "Purges that stopped at an error of the database"),
        }
    }
}
