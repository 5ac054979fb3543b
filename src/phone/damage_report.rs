//! Tells the operator now and then that pages damage their base64: only the page's author can end
//! it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use actix_rt::time::sleep;

use crate::metrics::Metrics;

const PAUSE: Duration = Duration::from_secs(60);

/// The counts themselves are the metrics'; here is kept which of them were told.
pub struct DamageReport {
    metrics: Arc<Metrics>,
    told: Mutex<HashMap<&'static str, u64>>,
}

impl DamageReport {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, told: Mutex::default() }
    }

    /// Reports until it is dropped.
    pub async fn now_and_then(&self) {
        loop {
            sleep(PAUSE).await;
            self.tell();
        }
    }

    /// Writes a line if anything was mended since the last one.
    pub fn tell(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut kinds = Vec::new();
        for (kind, count) in self.metrics.keys.repairs() {
            let fresh = count - told.insert(kind, count).unwrap_or_default();
            if fresh > 0 {
                kinds.push(format!("{kind} {fresh}"));
            }
        }
        if !kinds.is_empty() {
            log::info!(
                "mended base64 that was damaged in transport, in so many requests since the last \
                 such line ({}): tell the page's author that the page encodes its body wrongly",
                kinds.join(", ")
            );
        }
    }
}
