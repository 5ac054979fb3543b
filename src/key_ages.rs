//! Counts of decryptions by the age of the key: in memory, flushed now and then into the database,
//! where admins read them over weeks and over all processes.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use actix_rt::time::sleep;
use chrono::NaiveDate;
use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;

use crate::store::{KeyAge, KeyOutcome, RingKey, Store, StoreError};
use crate::values::{AGE_BOUNDS_SECONDS, OpenedBy};

/// What a kill -9 may lose of the counts.
const FLUSH_PAUSE: Duration = Duration::from_secs(60);

/// The counts of one process. Counting costs one short lock.
pub struct KeyAges {
    /// Tells this start of this process from all others.
    writer: u64,
    fresh: Mutex<HashMap<KeyAge, u64>>,
    flushed: AsyncMutex<Flushed>,
}

/// Totals of a day, and which of them the database does not have yet.
#[derive(Default)]
struct Flushed {
    day: Option<NaiveDate>,
    totals: HashMap<KeyAge, u64>,
    unsaved: HashSet<KeyAge>,
}

impl KeyAges {
    pub fn new() -> Self {
        Self { writer: fastrand::u64(..), fresh: Mutex::default(), flushed: AsyncMutex::default() }
    }

    pub fn opened(&self, by: &OpenedBy) {
        self.count(KeyOutcome::Opened, by.place, by.age, by.issued_age);
    }

    /// None of `tried` keys opened the data.
    pub fn failed(&self, newest: &RingKey, tried: usize) {
        self.count(KeyOutcome::Failed, tried, newest.age, newest.issued_age);
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
        if let Err(error) = self.flush_key_ages(store).await {
            log::warn!("the counts of key ages are kept until the database takes them: {error}");
        }
    }

    async fn flush_key_ages(&self, store: &Store) -> Result<(), StoreError> {
        let mut flushed = self.flushed.lock().await;
        if flushed.unsaved.is_empty() && self.fresh.lock().is_empty() {
            return Ok(());
        }
        let today = store.today().await?;
        if flushed.day != Some(today) {
            flushed.save(store, self.writer).await?;
            *flushed = Flushed { day: Some(today), ..Flushed::default() };
        }
        let fresh = std::mem::take(&mut *self.fresh.lock());
        for (key, decryptions) in fresh {
            *flushed.totals.entry(key).or_default() += decryptions;
            flushed.unsaved.insert(key);
        }
        flushed.save(store, self.writer).await
    }

    fn count(&self, outcome: KeyOutcome, place: usize, age: Duration, issued_age: Duration) {
        let key = KeyAge {
            outcome,
            place: u8::try_from(place).unwrap_or(u8::MAX),
            age_below: bucket(age),
            issued_age_below: bucket(issued_age),
        };
        *self.fresh.lock().entry(key).or_default() += 1;
    }
}

impl Default for KeyAges {
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
    AGE_BOUNDS_SECONDS.into_iter().find(below).unwrap_or(u32::MAX)
}
