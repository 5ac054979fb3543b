//! What the store tells: how many requests wait, and how many are served at once.

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::Labels;

/// Requests that one statement serves, 64 at most.
const BATCH_BUCKETS: [f64; 7] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0];

/// The metrics of the connections and of each kind of batch.
pub struct StoreMetrics {
    pub connections_in_use: Gauge,
    pub rings: BatchMetrics,
    pub logins: BatchMetrics,
    pub phones: BatchMetrics,
    pub codes: BatchMetrics,
    pub reads: BatchMetrics,
    pub writes: BatchMetrics,
}

/// Clones count together.
#[derive(Clone)]
pub struct BatchMetrics {
    pub waiting: Gauge,
    pub batch_sizes: Histogram,
}

impl StoreMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let connections_in_use = Gauge::default();
        registry.register(
            "store_connections_in_use",
            "Connections to the database that run a statement",
            connections_in_use.clone(),
        );
        let waiting = Family::<Labels, Gauge>::default();
        registry.register(
            "store_waiting_requests",
            "Requests that wait for a connection to the database, by the kind of statement",
            waiting.clone(),
        );
        let new: fn() -> Histogram = || Histogram::new(BATCH_BUCKETS);
        let batch_sizes = Family::<Labels, Histogram, _>::new_with_constructor(new);
        registry.register(
            "store_batch_size",
            "Requests that one statement served, by the kind of statement",
            batch_sizes.clone(),
        );
        let batches = |name| {
            let labels = vec![("statement", name)];
            BatchMetrics {
                waiting: waiting.get_or_create_owned(&labels),
                batch_sizes: batch_sizes.get_or_create_owned(&labels),
            }
        };
        Self {
            connections_in_use,
            rings: batches("key_ring"),
            logins: batches("login"),
            phones: batches("phone"),
            codes: batches("code"),
            reads: batches("read"),
            writes: batches("write"),
        }
    }
}
