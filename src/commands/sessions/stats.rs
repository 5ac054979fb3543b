//! `wxauth sessions stats`: users, keys and decryptions as a picture.

mod picture;

use std::collections::BTreeMap;
use std::thread;

use clap::Args;
use serde::Serialize;

use crate::commands::arguments::connect;
use crate::commands::print::{print, print_json};
use crate::commands::{Outcome, Result};
use crate::store::{DayOfUsers, Decryptions, HourOfKeys, KeysPerUser};

/// Upper bounds, in clock hours, of the ages that are told apart; the last bucket has none.
const AGE_BUCKETS: [u64; 9] = [1, 3, 6, 12, 24, 48, 72, 96, 168];
/// Days of growth that are shown.
const DAYS: usize = 14;

/// Shows users, keys and decryptions as a picture
#[derive(Args)]
pub struct Arguments {
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

/// Its field names are what scripts rely on.
#[derive(Serialize)]
struct Stats {
    users: u64,
    users_with_phone: u64,
    active_keys: u64,
    expired_keys: u64,
    keys_per_user: Vec<Bucket>,
    /// Active keys by the time since their latest login.
    key_ages: Vec<AgeBucket>,
    decryptions: Vec<Decryptions>,
    /// Newest last.
    days: Vec<Day>,
}

/// How many users have so many active keys.
#[derive(Serialize)]
struct Bucket {
    active_keys: u64,
    users: u64,
}

#[derive(Serialize)]
struct AgeBucket {
    /// `None` for what is older than every bound.
    hours_below: Option<u64>,
    active_keys: u64,
}

#[derive(Serialize, Default)]
struct Day {
    day: String,
    new_users: u64,
    /// Stored keys whose latest login was on this day.
    keys_issued: u64,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    // Side by side, as each is one pass over all keys.
    let per_user = thread::spawn(|| {
        let told = connect().map_err(|error| error.to_string());
        told.and_then(|mut direct| direct.keys_per_user().map_err(|error| error.to_string()))
    });
    let mut direct = connect()?;
    let hours = direct.hours_of_keys()?;
    let users = direct.days_of_users()?;
    let decryptions = direct.decryptions()?;
    let per_user = per_user.join().map_err(|_| "counting the keys of users stopped")??;
    let stats = Stats::new(&hours, &users, per_user, decryptions);
    match arguments.json {
        true => print_json(&stats)?,
        false => print(&picture::draw(&stats))?,
    }
    Ok(Outcome::Done)
}

impl Stats {
    fn new(
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
