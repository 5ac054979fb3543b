//! Counts over all users and keys, each from one pass over a table. Times are UTC by the database's
//! clock.

use chrono::NaiveDate;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Text};

use super::direct::Direct;
use crate::store::error::Result;

/// Keys whose latest login was within one clock hour.
#[derive(Debug, QueryableByName)]
pub struct HourOfKeys {
    #[diesel(sql_type = BigInt)]
    hour: i64,
    #[diesel(sql_type = Bool)]
    pub active: bool,
    #[diesel(sql_type = BigInt)]
    pub keys: i64,
    #[diesel(sql_type = BigInt)]
    hours_ago: i64,
}

impl HourOfKeys {
    /// 0 for the hour that is under way.
    pub fn hours_ago(&self) -> u64 {
        u64::try_from(self.hours_ago).unwrap_or_default()
    }

    pub fn day(&self) -> Option<NaiveDate> {
        day(self.hour / 24)
    }
}

/// How many users have so many keys that are alive.
#[derive(Debug, QueryableByName)]
pub struct KeysPerUser {
    #[diesel(sql_type = BigInt)]
    pub keys: i64,
    #[diesel(sql_type = BigInt)]
    pub users: i64,
}

/// Users who first logged in on one day.
#[derive(Debug, QueryableByName)]
pub struct DayOfUsers {
    #[diesel(sql_type = BigInt)]
    day: i64,
    #[diesel(sql_type = BigInt)]
    pub users: i64,
    #[diesel(sql_type = BigInt)]
    pub with_phone: i64,
}

impl DayOfUsers {
    pub fn day(&self) -> Option<NaiveDate> {
        day(self.day)
    }
}

/// Decryptions by what came of them and by the age of the key.
#[derive(Debug, QueryableByName, serde::Serialize)]
pub struct Decryptions {
    /// `opened` or `failed`.
    #[diesel(sql_type = Text)]
    pub outcome: String,
    /// In the ring, 1 is the newest; where it failed, how many keys were tried.
    #[diesel(sql_type = BigInt)]
    pub place: i64,
    /// Upper bound, in seconds since a login first brought the key; where it failed, the newest's.
    #[diesel(sql_type = BigInt)]
    pub age_below: i64,
    /// The same since a login last brought it.
    #[diesel(sql_type = BigInt)]
    pub issued_age_below: i64,
    #[diesel(sql_type = BigInt)]
    pub decryptions: i64,
}

impl Direct {
    /// Without the index on `expires_at`, which does not hold the times of issue.
    pub fn hours_of_keys(&mut self) -> Result<Vec<HourOfKeys>> {
        self.run(|connection| {
            diesel::sql_query(
                "SELECT hour, active, `keys`, \
                 TO_SECONDS(UTC_TIMESTAMP()) DIV 3600 - hour AS hours_ago FROM \
                 (SELECT TO_SECONDS(issued_at) DIV 3600 AS hour, \
                 expires_at > UTC_TIMESTAMP(3) AS active, COUNT(*) AS `keys` \
                 FROM sessions IGNORE INDEX (sessions_expires_at) GROUP BY hour, active) AS hours \
                 ORDER BY hour",
            )
            .load(connection)
        })
    }

    pub fn keys_per_user(&mut self) -> Result<Vec<KeysPerUser>> {
        self.run(|connection| {
            diesel::sql_query(
                "SELECT `keys`, COUNT(*) AS users FROM \
                 (SELECT CAST(SUM(expires_at > UTC_TIMESTAMP(3)) AS SIGNED) AS `keys` \
                 FROM sessions FORCE INDEX (PRIMARY) GROUP BY openid) AS of_users \
                 GROUP BY `keys` ORDER BY `keys`",
            )
            .load(connection)
        })
    }

    pub fn days_of_users(&mut self) -> Result<Vec<DayOfUsers>> {
        self.run(|connection| {
            diesel::sql_query(
                "SELECT CAST(TO_DAYS(created_at) AS SIGNED) AS day, COUNT(*) AS users, \
                 COUNT(phone_number) AS with_phone FROM users GROUP BY day ORDER BY day",
            )
            .load(connection)
        })
    }

    pub fn decryptions(&mut self) -> Result<Vec<Decryptions>> {
        self.run(|connection| {
            diesel::sql_query(
                "SELECT outcome, CAST(place AS SIGNED) AS place, \
                 CAST(age_below AS SIGNED) AS age_below, \
                 CAST(issued_age_below AS SIGNED) AS issued_age_below, \
                 CAST(SUM(decryptions) AS SIGNED) AS decryptions FROM key_ages \
                 GROUP BY outcome, place, age_below, issued_age_below \
                 ORDER BY outcome, place, age_below, issued_age_below",
            )
            .load(connection)
        })
    }
}

/// From MySQL's count of days, which begins 365 days before chrono's.
fn day(to_days: i64) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(i32::try_from(to_days - 365).ok()?)
}
