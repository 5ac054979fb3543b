//! Requests by endpoint and outcome, and how long their answers took.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::{self, ByLabel, Labels};

/// The outcome of a request that did not fail.
const OK: &str = "ok";
/// The endpoint of a path that is not answered.
const OTHER: &str = "other";

pub struct Requests {
    /// By path, then by outcome.
    answered: ByLabel<ByLabel<Counter>>,
    durations: ByLabel<Histogram>,
}

impl Requests {
    pub(super) fn register(
        registry: &mut Registry,
        paths: &[&'static str],
        errors: &[&'static str],
    ) -> Self {
        let endpoints = [paths, &[OTHER]].concat();
        let outcomes = [&[OK], errors].concat();
        let family = Family::<Labels, Counter>::default();
        registry.register("requests", "Requests that were answered", family.clone());
        let counter = |endpoint, outcome| {
            family.get_or_create_owned(&vec![("endpoint", endpoint), ("outcome", outcome)])
        };
        let of_endpoint = |endpoint| ByLabel::new(&outcomes, |outcome| counter(endpoint, outcome));
        Self {
            answered: ByLabel::new(&endpoints, of_endpoint),
            durations: family::latencies(
                registry,
                "request_duration",
                "From a request's head to its answer",
                "endpoint",
                &endpoints,
            ),
        }
    }

    /// `error` is the name of what failed, if anything did.
    pub fn answered(&self, path: &str, error: Option<&str>, elapsed: Duration) {
        let outcomes = self.answered.get(path);
        outcomes.and_then(|outcomes| outcomes.get(error.unwrap_or(OK))).map(Counter::inc);
        if let Some(durations) = self.durations.get(path) {
            durations.observe(elapsed.as_secs_f64());
        }
    }
}
