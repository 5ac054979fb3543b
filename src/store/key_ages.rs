//! The table `key_ages`: how old keys were when they opened data, or failed to.

use chrono::NaiveDate;
use diesel::dsl::DuplicatedKeys;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::sql::UtcToday;
use super::transaction::transaction;
use crate::schema::key_ages;

/// What is told apart in the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyAge {
    pub outcome: KeyOutcome,
    /// In the ring, 1 is the newest; where it failed, how many keys were tried.
    pub place: u8,
    /// Upper bound of the bucket, in seconds, of the key's age since it was first seen.
    pub age_below: u32,
    /// The same since it was last issued.
    pub issued_age_below: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyOutcome {
    /// The ages are those of the key that opened the data.
    Opened,
    /// No key did; the ages are those of the newest.
    Failed,
}

impl KeyOutcome {
    fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Failed => "failed",
        }
    }
}

/// The day, UTC, by the database's clock.
pub(super) fn today(connection: &mut MysqlConnection) -> QueryResult<NaiveDate> {
    diesel::select(UtcToday).get_result(connection)
}

/// Stores the decryptions that one writer has counted on a day so far. As these are totals of a
/// writer's own, storing them twice changes nothing.
pub(super) fn save_key_ages(
    connection: &mut MysqlConnection,
    day: NaiveDate,
    writer: u64,
    totals: &[(KeyAge, u64)],
) -> QueryResult<()> {
    transaction(connection, |connection| {
        for (key, decryptions) in totals {
            let row = (
                key_ages::day.eq(day),
                key_ages::writer.eq(writer),
                key_ages::outcome.eq(key.outcome.name()),
                key_ages::place.eq(key.place),
                key_ages::age_below.eq(key.age_below),
                key_ages::issued_age_below.eq(key.issued_age_below),
                key_ages::decryptions.eq(decryptions),
            );
            diesel::insert_into(key_ages::table)
                .values(row)
                .on_conflict(DuplicatedKeys)
                .do_update()
                .set(key_ages::decryptions.eq(decryptions))
                .execute(connection)?;
        }
        Ok(())
    })
}
