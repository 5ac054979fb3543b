//! Requests by endpoint and outcome, and how long their answers took.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::{self, Labels};
use crate::error::{Error, NAMES};

/// The paths of `routes`; any other path is the last.
const ENDPOINTS: [&str; 6] =
    ["/code2Session", "/getWXUserPhone", "/user", "/healthz", "/readyz", "other"];

/// One element of each list an endpoint.
pub struct Requests {
    ok: [Counter; ENDPOINTS.len()],
    /// In the order of [`NAMES`].
    failed: [[Counter; NAMES.len()]; ENDPOINTS.len()],
    durations: [Histogram; ENDPOINTS.len()],
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let family = Family::<Labels, Counter>::default();
        registry.register("requests", "Requests that were answered", family.clone());
        let counter = |endpoint, outcome| {
            family.get_or_create_owned(&vec![("endpoint", endpoint), ("outcome", outcome)])
        };
        Self {
            ok: ENDPOINTS.map(|endpoint| counter(endpoint, "ok")),
            failed: ENDPOINTS.map(|endpoint| NAMES.map(|name| counter(endpoint, name))),
            durations: family::latencies(
                registry,
                "request_duration",
                "From a request's head to its answer",
                "endpoint",
                ENDPOINTS,
            ),
        }
    }

    pub fn answered(&self, path: &str, error: Option<&Error>, elapsed: Duration) {
        let known = ENDPOINTS.iter().position(|endpoint| *endpoint == path);
        let endpoint = known.unwrap_or(ENDPOINTS.len() - 1);
        let counter = match error {
            None => self.ok.get(endpoint),
            Some(error) => self.failed.get(endpoint).and_then(|failed| {
                let name = error.name();
                NAMES.iter().position(|known| *known == name).and_then(|index| failed.get(index))
            }),
        };
        counter.map(Counter::inc);
        if let Some(durations) = self.durations.get(endpoint) {
            durations.observe(elapsed.as_secs_f64());
        }
    }
}
