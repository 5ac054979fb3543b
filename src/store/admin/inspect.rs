//! Stored keys as admins see them, without the key itself.

use chrono::NaiveDateTime;
use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::sql_types::{BigInt, Bool, Datetime, Text, Unsigned};
use serde::Serialize;

use super::direct::Direct;
use crate::schema::{further_codes, sessions};
use crate::store::error::Result;
use crate::store::sessions::{PurgedBatch, purge_batch};
use crate::store::sql::UtcNow;
use crate::values::OpenId;
use crate::values::utc;

/// Keys that one statement of a revocation removes: a user has a few, unless somebody plays.
const REVOKE_BATCH: usize = 500;

/// Which keys are asked for; a field that is `None` excludes none.
#[derive(Debug, Clone, Default)]
pub struct KeyFilter {
    pub openid: Option<OpenId>,
    pub state: Option<KeyState>,
    /// UTC, exclusive.
    pub issued_before: Option<NaiveDateTime>,
    /// UTC, inclusive.
    pub issued_after: Option<NaiveDateTime>,
    pub limit: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Active,
    Expired,
}

/// A row of `sessions`. Its field names are what scripts rely on.
#[derive(Debug, QueryableByName, Serialize)]
pub struct StoredKey {
    #[diesel(sql_type = Text)]
    pub openid: String,
    #[diesel(sql_type = Text)]
    pub key_fingerprint: String,
    /// When a login first brought the key.
    #[diesel(sql_type = Datetime)]
    #[serde(serialize_with = "utc::serialize")]
    pub first_seen_at: NaiveDateTime,
    /// When a login last brought it.
    #[diesel(sql_type = Datetime)]
    #[serde(serialize_with = "utc::serialize")]
    pub issued_at: NaiveDateTime,
    #[diesel(sql_type = Datetime)]
    #[serde(serialize_with = "utc::serialize")]
    pub expires_at: NaiveDateTime,
    /// By the database's clock.
    #[diesel(sql_type = Bool)]
    pub active: bool,
}

impl Direct {
    /// The newest keys that the filter lets pass.
    pub fn keys(&mut self, filter: &KeyFilter) -> Result<Vec<StoredKey>> {
        self.run(|connection| select(filter).load(connection))
    }

    /// Removes every key of a user, and what codes brought them; returns how many keys.
    pub fn revoke(&mut self, openid: &OpenId) -> Result<u64> {
        // First, or a code would be answered again as soon as a login brings its key once more.
        let codes = further_codes::table.filter(further_codes::openid.eq(openid.as_str()));
        self.run(|connection| diesel::delete(codes).execute(connection))?;
        let mut removed = 0;
        loop {
            let batch = self.run(|connection| remove_keys(connection, openid, REVOKE_BATCH))?;
            removed += batch as u64;
            if batch < REVOKE_BATCH {
                return Ok(removed);
            }
        }
    }

    /// How many keys are expired, by the database's clock.
    pub fn expired_keys(&mut self) -> Result<u64> {
        let expired = sessions::table.filter(sessions::expires_at.le(UtcNow)).count();
        let count: i64 = self.run(|connection| expired.get_result(connection))?;
        Ok(count.unsigned_abs())
    }

    /// Removes one batch of expired keys and says whether there may be more.
    pub fn purge_batch(&mut self) -> Result<PurgedBatch> {
        self.run(purge_batch)
    }
}

/// Without the index on `expires_at`: for a good part of the rows, looking each of them up by it
/// costs three times what reading all of them does.
fn select(filter: &KeyFilter) -> BoxedSqlQuery<'static, Mysql, SqlQuery> {
    let mut query = diesel::sql_query(
        "SELECT openid, key_fingerprint, first_seen_at, issued_at, expires_at, \
         expires_at > UTC_TIMESTAMP(3) AS active \
         FROM sessions IGNORE INDEX (sessions_expires_at) WHERE 1 = 1",
    )
    .into_boxed();
    if let Some(openid) = &filter.openid {
        query = query.sql(" AND openid = ?").bind::<Text, _>(openid.as_str().to_owned());
    }
    if let Some(state) = filter.state {
        query = query.sql(match state {
            KeyState::Active => " AND expires_at > UTC_TIMESTAMP(3)",
            KeyState::Expired => " AND expires_at <= UTC_TIMESTAMP(3)",
        });
    }
    if let Some(time) = filter.issued_before {
        query = query.sql(" AND issued_at < ?").bind::<Datetime, _>(time);
    }
    if let Some(time) = filter.issued_after {
        query = query.sql(" AND issued_at >= ?").bind::<Datetime, _>(time);
    }
    query
        .sql(" ORDER BY issued_at DESC, openid, key_fingerprint LIMIT ?")
        .bind::<Unsigned<BigInt>, _>(u64::from(filter.limit))
}

fn remove_keys(
    connection: &mut MysqlConnection,
    openid: &OpenId,
    limit: usize,
) -> QueryResult<usize> {
    diesel::sql_query(format!("DELETE FROM sessions WHERE openid = ? LIMIT {limit}"))
        .bind::<Text, _>(openid.as_str())
        .execute(connection)
}
