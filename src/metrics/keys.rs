//! Decryptions: which key of a ring opened, how old it was, what was rescued and mended.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family::{self, ByLabel};
use crate::values::{AGE_BOUNDS_SECONDS, OpenedBy};

/// Places in a ring, 16 at most. All above 1 would have failed with a server that keeps one key.
const PLACE_BUCKETS: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 8.0, 16.0];

pub struct Keys {
    places: Histogram,
    ages: Histogram,
    late_logins_rescued: Counter,
    repairs: ByLabel<Counter>,
    /// Stored keys that did not open, each time that one was tried.
    pub unreadable: Counter,
}

impl Keys {
    pub(super) fn register(registry: &mut Registry, damages: &[&'static str]) -> Self {
        let places = Histogram::new(PLACE_BUCKETS);
        registry.register(
            "key_place",
            "Place in its user's ring of the key that opened data, 1 is the newest",
            places.clone(),
        );
        Self {
            places,
            ages: family::seconds(
                registry,
                "key_age",
                "Age of the key that opened data, since a login first brought it",
                AGE_BOUNDS_SECONDS.map(f64::from),
            ),
            late_logins_rescued: family::counter(
                registry,
                "late_logins_rescued",
                "Decryptions by a key that arrived after the data",
            ),
            repairs: family::counters(
                registry,
                "repairs",
                "Requests whose base64 was mended, by kind of damage",
                "kind",
                damages,
            ),
            unreadable: family::counter(
                registry,
                "unreadable_keys",
                "Times that a stored key did not open, as its secret is missing or it was changed",
            ),
        }
    }

    pub fn opened(&self, opened_by: &OpenedBy) {
        self.places.observe(opened_by.place as f64);
        self.ages.observe(opened_by.age.as_secs_f64());
        if opened_by.was_late {
            self.late_logins_rescued.inc();
        }
    }

    /// One request's base64 had this damage.
    pub fn repaired(&self, damage: &str) {
        self.repairs.get(damage).map(Counter::inc);
    }
}
