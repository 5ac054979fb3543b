//! What is counted in memory and flushed now and then: key ages into the database, where admins
//! read them over weeks and over all processes; repairs into the log.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use actix_rt::time::sleep;
use chrono::NaiveDate;
use tokio::sync::Mutex as AsyncMutex;

use crate::repair::{Damage, Repairs};
use crate::store::{KeyAge, KeyOutcome, RingKey, Store, StoreError};

/// What a kill -9 may lose of the counts.
const FLUSH_PAUSE: Duration = Duration::from_secs(60);

/// Upper bounds of the buckets of ages, in seconds: fine where WeChat's staff once put the life of
/// a key, at three days.
const AGE_BUCKETS: [u32; 15] = [
    60,
    5 * 60,
    30 * 60,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    3 * DAY,
    4 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    u32::MAX,
];
const HOUR: u32 = 60 * 60;
const DAY: u32 = 24 * HOUR;

/// The counts of one process. Counting costs one short lock.
pub struct Tally {
    /// Tells this start of this process from all others.
    writer: u64,
    fresh: Mutex<HashMap<KeyAge, u64>>,
    flushed: AsyncMutex<Flushed>,
    damaged: AtomicU64,
    repairs: [AtomicU64; Damage::ALL.len()],
}

/// Totals of a day, and which of them the database does not have yet.
#[derive(Default)]
struct Flushed {
    day: Option<NaiveDate>,
    totals: HashMap<KeyAge, u64>,
    unsaved: HashSet<KeyAge>,
}

impl Tally {
    pub fn new() -> Self {
        Self {
            writer: fastrand::u64(..),
            fresh: Mutex::default(),
            flushed: AsyncMutex::default(),
            damaged: AtomicU64::new(0),
            repairs: Default::default(),
        }
    }

    /// A key opened data; `place` is 1 for the newest of the ring.
    pub fn opened(&self, key: &RingKey, place: usize) {
        self.count(KeyOutcome::Opened, key, place);
    }

    /// None of `tried` keys did.
    pub fn failed(&self, newest: &RingKey, tried: usize) {
        self.count(KeyOutcome::Failed, newest, tried);
    }

    /// A request carried base64 that transport had damaged.
    pub fn repaired(&self, repairs: Repairs) {
        if repairs.is_empty() {
            return;
        }
        self.damaged.fetch_add(1, Ordering::Relaxed);
        for (damage, count) in Damage::ALL.into_iter().zip(&self.repairs) {
            if repairs.contains(damage) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Flushes until it is dropped.
    pub async fn flush_now_and_then(&self, store: &Store) {
        loop {
            sleep(FLUSH_PAUSE).await;
            self.flush(store).await;
        }
    }

    /// What the database cannot take now is kept for the next time.
    pub async fn flush(&self, store: &Store) {
        self.report_repairs();
        if let Err(error) = self.flush_key_ages(store).await {
            log::warn!("the counts of key ages are kept until the database takes them: {error}");
        }
    }

    async fn flush_key_ages(&self, store: &Store) -> Result<(), StoreError> {
        let mut flushed = self.flushed.lock().await;
        if flushed.unsaved.is_empty() && self.fresh().is_empty() {
            return Ok(());
        }
        let today = store.today().await?;
        if flushed.day != Some(today) {
            flushed.save(store, self.writer).await?;
            *flushed = Flushed { day: Some(today), ..Flushed::default() };
        }
        let fresh = std::mem::take(&mut *self.fresh());
        for (key, decryptions) in fresh {
            *flushed.totals.entry(key).or_default() += decryptions;
            flushed.unsaved.insert(key);
        }
        flushed.save(store, self.writer).await
    }

    fn report_repairs(&self) {
        let damaged = self.damaged.swap(0, Ordering::Relaxed);
        let counts = Damage::ALL.into_iter().zip(&self.repairs);
        let kinds: Vec<_> = counts
            .map(|(damage, count)| (damage.name(), count.swap(0, Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        if damaged > 0 {
            log::warn!(
                "mended base64 that was damaged in transport in {damaged} requests since the last \
                 such line ({}): tell the page's author that the page encodes its body wrongly",
                kinds.join(", ")
            );
        }
    }

    fn count(&self, outcome: KeyOutcome, key: &RingKey, place: usize) {
        let key = KeyAge {
            outcome,
            place: u8::try_from(place).unwrap_or(u8::MAX),
            age_below: bucket(key.age),
            issued_age_below: bucket(key.issued_age),
        };
        *self.fresh().entry(key).or_default() += 1;
    }

    /// Counts are whole after every step, so a thread that panicked left nothing half done.
    fn fresh(&self) -> std::sync::MutexGuard<'_, HashMap<KeyAge, u64>> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

impl Flushed {
    async fn save(&mut self, store: &Store, writer: u64) -> Result<(), StoreError> {
        let Some(day) = self.day.filter(|_| !self.unsaved.is_empty()) else {
            return Ok(());
        };
        let total = |key: &KeyAge| self.totals.get(key).map(|decryptions| (*key, *decryptions));
        let totals = self.unsaved.iter().filter_map(total).collect();
        store.save_key_ages(day, writer, totals).await?;
        self.unsaved.clear();
        Ok(())
    }
}

fn bucket(age: Duration) -> u32 {
    let below = |bound: &u32| age.as_secs() < u64::from(*bound);
    AGE_BUCKETS.into_iter().find(below).unwrap_or(u32::MAX)
}
