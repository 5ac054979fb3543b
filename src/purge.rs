//! Removes expired keys and old codes now and then, in small batches, so that no login waits.

use std::time::Duration;

use actix_rt::time::{interval, sleep};

use crate::store::{Store, StoreError};

/// Leaves the database to others between two batches.
const PAUSE: Duration = Duration::from_millis(50);

/// Purges every so often until it is dropped; each batch is whole, so that harms nothing.
pub async fn now_and_then(store: &Store, every: Duration) {
    let mut ticks = interval(every);
    loop {
        ticks.tick().await;
        match purge(store).await {
            Ok(0) => log::debug!("no expired keys to remove"),
            Ok(removed) => log::info!("removed {removed} expired keys"),
            Err(error) => log::warn!("purging stopped until its next turn: {error}"),
        }
    }
}

async fn purge(store: &Store) -> Result<usize, StoreError> {
    while store.purge_codes().await? > 0 {
        sleep(PAUSE).await;
    }
    let mut removed = 0;
    loop {
        let batch = store.purge_batch().await?;
        removed += batch.removed;
        if !batch.may_be_more {
            return Ok(removed);
        }
        sleep(PAUSE).await;
    }
}
