//! Families of metrics whose series are all made when they are registered.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds for answers of ours and of WeChat, in seconds: from one query in a nearby database
/// to the longest grace and WeChat's usual budget.
const LATENCY_BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

pub(super) type Labels = Vec<(&'static str, &'static str)>;

/// One metric a value of a label.
pub struct ByLabel<M>(Vec<(&'static str, M)>);

impl<M> ByLabel<M> {
    pub(super) fn new(values: &[&'static str], metric: impl Fn(&'static str) -> M) -> Self {
        Self(values.iter().map(|value| (*value, metric(value))).collect())
    }

    /// The metric of this value; of one that is not in the table, the last.
    pub(super) fn get(&self, value: &str) -> Option<&M> {
        let found = self.0.iter().find(|(known, _)| *known == value);
        found.or(self.0.last()).map(|(_, metric)| metric)
    }
}

/// The registry appends `_total` to the name of every counter.
pub(super) fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

pub(super) fn counters(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: &[&'static str],
) -> ByLabel<Counter> {
    let family = Family::<Labels, Counter>::default();
    registry.register(name, help, family.clone());
    ByLabel::new(values, |value| family.get_or_create_owned(&vec![(label, value)]))
}

/// The registry appends `_seconds` to the name.
pub(super) fn seconds(
    registry: &mut Registry,
    name: &str,
    help: &str,
    buckets: impl IntoIterator<Item = f64>,
) -> Histogram {
    let histogram = Histogram::new(buckets);
    registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

pub(super) fn latency(registry: &mut Registry, name: &str, help: &str) -> Histogram {
    seconds(registry, name, help, LATENCY_BUCKETS)
}

pub(super) fn latencies(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: &[&'static str],
) -> ByLabel<Histogram> {
    let new: fn() -> Histogram = || Histogram::new(LATENCY_BUCKETS);
    let family = Family::<Labels, Histogram, _>::new_with_constructor(new);
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    ByLabel::new(values, |value| family.get_or_create_owned(&vec![(label, value)]))
}
