//! What Prometheus reads: every family of metrics, and the handles that count.
//!
//! Every series exists from the start, so counting looks no label up, and the first event of a
//! kind is an increase of 0 to 1. Labels hold fixed words only: nothing that a request brings.

mod endpoint;
mod exchanges;
mod family;
mod keys;
mod requests;
mod store;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

pub use self::endpoint::serve;
pub use self::exchanges::{Attempt, Exchanges};
pub use self::keys::Keys;
pub use self::requests::Requests;
pub use self::store::{LaneMetrics, StoreMetrics};

/// The metrics of a process.
pub struct Metrics {
    registry: Registry,
    pub requests: Requests,
    pub exchanges: Exchanges,
    pub keys: Keys,
    pub codes_answered_again: Counter,
    pub waiting_requests: Gauge,
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
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("wxauth");
        let requests = Requests::register(&mut registry);
        let exchanges = Exchanges::register(&mut registry);
        let keys = Keys::register(&mut registry);
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
        let purges = Purges::register(&mut registry);
        let store = StoreMetrics::register(&mut registry);
        Self {
            registry,
            requests,
            exchanges,
            keys,
            codes_answered_again,
            waiting_requests,
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

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Purges {
    fn register(registry: &mut Registry) -> Self {
        let mut counter = |name, help| family::counter(registry, name, help);
        Self {
            keys: counter("purged_keys", "Expired keys that were removed"),
            codes: counter("purged_codes", "Old login codes that were removed"),
            failures: counter("purge_failures", "Purges that stopped at an error of the database"),
        }
    }
}
