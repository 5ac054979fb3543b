//! Removes now and then, in small batches so that no login waits: expired keys, old codes, keys whose
//! user is gone, and histories that are too old.

use std::time::Duration;

use actix_rt::time::{interval, sleep};
use prometheus_client::metrics::counter::Counter;

use crate::metrics::Purges;
use crate::store::{PurgedBatch, Store, StoreError};

/// Leaves the database to others between two batches.
const PAUSE: Duration = Duration::from_millis(50);
/// How often everything but expired keys goes where these are kept for ever.
const WITHOUT_EXPIRED_KEYS: Duration = Duration::from_secs(3_600);
/// How long after it came a key may lose its user at another node, with some to spare.
const OVERLAP_MINUTES: u32 = 10;
/// The longest time that one purge looks back for keys without a user.
const MOST_MINUTES: u32 = 24 * 60;

/// What is purged, how often, and up to where.
pub struct Purge<'a> {
    store: &'a Store,
    purges: &'a Purges,
    every: Duration,
    removes_expired_keys: bool,
    /// The minute up to which keys without a user were looked for.
    looked_until: Option<u32>,
}

impl<'a> Purge<'a> {
    /// Expired keys are kept where `every` is `None`.
    pub fn new(store: &'a Store, every: Option<Duration>, purges: &'a Purges) -> Self {
        Self {
            store,
            purges,
            every: every.unwrap_or(WITHOUT_EXPIRED_KEYS),
            removes_expired_keys: every.is_some(),
            looked_until: None,
        }
    }

    /// Purges until it is dropped; each batch is whole, so that harms nothing.
    pub async fn now_and_then(mut self) {
        let mut ticks = interval(self.every);
        loop {
            ticks.tick().await;
            if let Err(error) = self.purge().await {
                self.purges.failures.inc();
                log::warn!("purging stopped until its next turn: {error}");
            }
        }
    }

    async fn purge(&mut self) -> Result<(), StoreError> {
        self.codes().await?;
        if self.removes_expired_keys {
            self.expired_keys().await?;
        }
        self.orphans().await?;
        self.histories().await
    }

    async fn codes(&self) -> Result<(), StoreError> {
        purge_all(|| self.store.purge_codes(), Some(&self.purges.codes)).await.map(drop)
    }

    async fn expired_keys(&self) -> Result<(), StoreError> {
        match purge_all(|| self.store.purge_batch(), Some(&self.purges.keys)).await? {
            0 => log::debug!("no expired keys to remove"),
            removed => log::info!("removed {removed} expired keys"),
        }
        Ok(())
    }

    /// Only among the keys that came since the last time, as looking at all would cost too much.
    async fn orphans(&mut self) -> Result<(), StoreError> {
        let now = self.store.current_minute().await?;
        let since_last = u32::try_from(self.every.as_secs() / 60).unwrap_or(u32::MAX);
        let last = self.looked_until.unwrap_or(now.saturating_sub(since_last));
        let first = last.max(now.saturating_sub(MOST_MINUTES)).saturating_sub(OVERLAP_MINUTES);
        let mut removed = 0;
        for minute in first..=now {
            let keys = Some(&self.purges.keys);
            removed += purge_all(|| self.store.purge_orphans(minute), keys).await?;
            sleep(PAUSE).await;
        }
        self.looked_until = Some(now);
        if removed > 0 {
            log::info!("removed {removed} keys whose user is gone");
        }
        Ok(())
    }

    async fn histories(&self) -> Result<(), StoreError> {
        let removed = purge_all(|| self.store.purge_histories(), None).await?;
        if removed > 0 {
            log::info!("removed {removed} rows of histories, as they are too old");
        }
        Ok(())
    }
}

/// Batch after batch until there may be no more, and how much they removed. Not until one is empty:
/// under load, some become too old in every pause.
async fn purge_all<F>(batch: impl Fn() -> F, counter: Option<&Counter>) -> Result<usize, StoreError>
where
    F: Future<Output = Result<PurgedBatch, StoreError>>,
{
    let mut removed = 0;
    loop {
        let batch = batch().await?;
        removed += batch.removed;
        if let Some(counter) = counter {
            counter.inc_by(batch.removed as u64);
        }
        if !batch.may_be_more {
            return Ok(removed);
        }
        sleep(PAUSE).await;
    }
}
