//! The statistics themselves, from the database's counts.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::store::{DayOfUsers, Decryptions, HourOfKeys, KeysPerUser};

/// Upper bounds, in clock hours, of the ages that are told apart; the last bucket has none.
const AGE_BUCKETS: [u64; 9] = [1, 3, 6, 12, 24, 48, 72, 96, 168];
/// Days of growth that are shown.
const DAYS: usize = 14;

/// Its field names are what scripts rely on.
#[derive(Serialize)]
pub struct Stats {
    pub users: u64,
    pub users_with_phone: u64,
    pub active_keys: u64,
    pub expired_keys: u64,
    pub keys_per_user: Vec<Bucket>,
    /// Active keys by the time since their latest login.
    pub key_ages: Vec<AgeBucket>,
    pub decryptions: Vec<Decryptions>,
    /// Newest last.
    pub days: Vec<Day>,
}

/// How many users have so many active keys.
#[derive(Serialize)]
pub struct Bucket {
    pub active_keys: u64,
    pub users: u64,
}

#[derive(Serialize)]
pub struct AgeBucket {
    /// `None` for what is older than every bound.
    pub hours_below: Option<u64>,
    pub active_keys: u64,
}

#[derive(Serialize, Default)]
pub struct Day {
    pub day: String,
    pub new_users: u64,
    /// Stored keys whose latest login was on this day.
    pub keys_issued: u64,
}

impl Stats {
    pub fn new(
        hours: &[HourOfKeys],
        users: &[DayOfUsers],
        per_user: Vec<KeysPerUser>,
        decryptions: Vec<Decryptions>,
    ) -> Self {
        let keys = |active: bool| {
            hours.iter().filter(|hour| hour.active == active).map(|hour| count(hour.keys)).sum()
        };
        let keys_per_user = per_user
            .iter()
            .map(|row| Bucket { active_keys: count(row.keys), users: count(row.users) });
        Self {
            users: users.iter().map(|day| count(day.users)).sum(),
            users_with_phone: users.iter().map(|day| count(day.with_phone)).sum(),
            active_keys: keys(true),
            expired_keys: keys(false),
            keys_per_user: keys_per_user.collect(),
            key_ages: ages(hours),
            decryptions,
            days: days(hours, users),
        }
    }
}

fn ages(hours: &[HourOfKeys]) -> Vec<AgeBucket> {
    let bounds = AGE_BUCKETS.into_iter().map(Some).chain([None]);
    let mut buckets: Vec<_> =
        bounds.map(|hours_below| AgeBucket { hours_below, active_keys: 0 }).collect();
    for hour in hours.iter().filter(|hour| hour.active) {
        let fits = |bucket: &&mut AgeBucket| {
            bucket.hours_below.is_none_or(|below| hour.hours_ago() < below)
        };
        if let Some(bucket) = buckets.iter_mut().find(fits) {
            bucket.active_keys += count(hour.keys);
        }
    }
    buckets
}

fn days(hours: &[HourOfKeys], users: &[DayOfUsers]) -> Vec<Day> {
    let mut days: BTreeMap<_, Day> = BTreeMap::new();
    for (day, keys) in hours.iter().filter_map(|hour| Some((hour.day()?, count(hour.keys)))) {
        days.entry(day).or_default().keys_issued += keys;
    }
    for (day, users) in users.iter().filter_map(|row| Some((row.day()?, count(row.users)))) {
        days.entry(day).or_default().new_users += users;
    }
    let earlier = days.len().saturating_sub(DAYS);
    let shown = days.into_iter().skip(earlier);
    shown.map(|(date, day)| Day { day: date.to_string(), ..day }).collect()
}

/// Counts of the database are never negative.
fn count(count: i64) -> u64 {
    count.unsigned_abs()
}
