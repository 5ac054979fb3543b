//! Removes expired keys and old codes now and then, in small batches, so that no login waits.

use std::time::Duration;

use actix_rt::time::{interval, sleep};

use crate::metrics::Purges;
use crate::store::{Store, StoreError};

/// Leaves the database to others between two batches.
const PAUSE: Duration = Duration::from_millis(50);

/// Purges every so often until it is dropped; each batch is whole, so that harms nothing.
pub async fn now_and_then(store: &Store, every: Duration, purges: &Purges) {
    let mut ticks = interval(every);
    loop {
        ticks.tick().await;
        match purge(store, purges).await {
            Ok(0) => log::debug!("no expired keys to remove"),
            Ok(removed) => log::info!("removed {removed} expired keys"),
            Err(error) => {
                purges.failures.inc();
                log::warn!("purging stopped until its next turn: {error}");
            }
        }
    }
}

async fn purge(store: &Store, purges: &Purges) -> Result<usize, StoreError> {
    loop {
        let codes = store.purge_codes().await?;
        if codes == 0 {
            break;
        }
        purges.codes.inc_by(codes as u64);
        sleep(PAUSE).await;
    }
    let mut removed = 0;
    loop {
        let batch = store.purge_batch().await?;
        removed += batch.removed;
        purges.keys.inc_by(batch.removed as u64);
        if !batch.may_be_more {
            return Ok(removed);
        }
        sleep(PAUSE).await;
    }
}
