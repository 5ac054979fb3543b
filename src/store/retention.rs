//! How long histories are kept: numbers that were replaced, and counts of decryptions.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use diesel::dsl::min;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::sessions::PurgedBatch;
use super::sql::{UtcNow, UtcToday};
use crate::schema::{key_ages, phone_history};

/// A year, and a month in which to compare it with the one before.
const RETENTION: TimeDelta = TimeDelta::days(400);
/// Rows that one statement removes.
const PURGE_BATCH: i64 = 500;

/// Removes one batch of the numbers that were replaced too long ago. Their ids tell which are the oldest.
pub(super) fn purge_phone_history(connection: &mut MysqlConnection) -> QueryResult<PurgedBatch> {
    let oldest: Vec<(u64, NaiveDateTime, NaiveDateTime)> = phone_history::table
        .order(phone_history::id)
        .select((phone_history::id, phone_history::replaced_at, UtcNow))
        .limit(PURGE_BATCH)
        .load(connection)?;
    let is_old = |(_, replaced_at, now): &&(u64, NaiveDateTime, NaiveDateTime)| {
        *now - *replaced_at > RETENTION
    };
    let ids: Vec<u64> = oldest.iter().filter(is_old).map(|(id, ..)| *id).collect();
    let may_be_more = ids.len() == PURGE_BATCH as usize;
    let old = phone_history::table.filter(phone_history::id.eq_any(ids));
    Ok(PurgedBatch { removed: diesel::delete(old).execute(connection)?, may_be_more })
}

/// Removes the counts of the oldest day, if it is too long ago.
pub(super) fn purge_key_ages(connection: &mut MysqlConnection) -> QueryResult<PurgedBatch> {
    let oldest: Option<NaiveDate> =
        key_ages::table.select(min(key_ages::day)).get_result(connection)?;
    let today: NaiveDate = diesel::select(UtcToday).get_result(connection)?;
    match oldest.filter(|day| today - *day > RETENTION) {
        Some(day) => {
            let old = key_ages::table.filter(key_ages::day.eq(day));
            let removed = diesel::delete(old).execute(connection)?;
            Ok(PurgedBatch { removed, may_be_more: true })
        }
        None => Ok(PurgedBatch { removed: 0, may_be_more: false }),
    }
}
