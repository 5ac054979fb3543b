//! Decryptions: which key of a ring opened, how old it was, what was rescued and mended.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::family;
use crate::phone::OpenedBy;
use crate::repair::{Damage, Repairs};

/// Places in a ring, 16 at most. All above 1 would have failed with a server that keeps one key.
const PLACE_BUCKETS: [f64; 6] = [1.0, 2.0, 3.0, 4.0, 8.0, 16.0];
const HOUR: f64 = 3_600.0;
const DAY: f64 = 24.0 * HOUR;
/// Ages of keys in seconds: fine around three days, where WeChat's staff once put a key's life.
const AGE_BUCKETS: [f64; 14] = [
    60.0,
    300.0,
    1_800.0,
    HOUR,
    3.0 * HOUR,
    6.0 * HOUR,
    12.0 * HOUR,
    DAY,
    2.0 * DAY,
    3.0 * DAY,
    4.0 * DAY,
    7.0 * DAY,
    14.0 * DAY,
    30.0 * DAY,
];

pub struct Keys {
    places: Histogram,
    ages: Histogram,
    late_logins_rescued: Counter,
    /// In the order of [`Damage::ALL`].
    repairs: [Counter; Damage::ALL.len()],
}

impl Keys {
    pub(super) fn register(registry: &mut Registry) -> Self {
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
                AGE_BUCKETS,
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
                Damage::ALL.map(Damage::name),
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

    pub fn repaired(&self, repairs: Repairs) {
        if repairs.is_empty() {
            return;
        }
        for (damage, counter) in Damage::ALL.into_iter().zip(&self.repairs) {
            if repairs.contains(damage) {
                counter.inc();
            }
        }
    }
}
