//! The table `sessions`: every key that WeChat gave, until it expires.

use chrono::NaiveDateTime;
use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Text};

use super::sql::UtcNow;
use super::{Result, Store};
use crate::schema::sessions;
use crate::values::{CodeHash, Fingerprint, OpenId, SessionKey, UnionId};

/// Expired keys that one purging transaction removes: some ten milliseconds of row locks that no
/// login waits for, as they are taken one by one on expired rows only.
const PURGE_BATCH: i64 = 200;

/// What a login brings.
#[derive(Debug, Clone)]
pub struct Login {
    pub openid: OpenId,
    pub unionid: Option<UnionId>,
    pub session_key: SessionKey,
    pub code_hash: CodeHash,
    pub ttl_seconds: i64,
}

/// A living key of a user.
#[derive(Debug, Clone)]
pub struct RingKey {
    pub session_key: SessionKey,
    pub fingerprint: Fingerprint,
}

impl Store {
    /// Removes one batch of expired keys and says whether there may be more.
    pub async fn purge_batch(&self) -> Result<PurgedBatch> {
        self.run(purge_batch).await
    }
}

/// What one batch of purging did.
#[derive(Debug, Clone, Copy)]
pub struct PurgedBatch {
    pub removed: usize,
    pub may_be_more: bool,
}

/// Looks without locking, then removes row by row by primary key: a range over `expires_at` would
/// also lock the gap where new logins insert.
fn purge_batch(connection: &mut MysqlConnection) -> QueryResult<PurgedBatch> {
    let mut expired: Vec<(String, String)> = sessions::table
        .filter(sessions::expires_at.le(UtcNow))
        .order(sessions::expires_at)
        .select((sessions::openid, sessions::key_fingerprint))
        .limit(PURGE_BATCH)
        .load(connection)?;
    // Two processes that purge the same rows must lock them in the same order.
    expired.sort_unstable();
    let may_be_more = expired.len() == PURGE_BATCH as usize;
    let removed = connection.transaction(|connection| {
        let mut removed = 0;
        for (openid, fingerprint) in &expired {
            let row = sessions::table.find((openid, fingerprint));
            removed +=
                diesel::delete(row.filter(sessions::expires_at.le(UtcNow))).execute(connection)?;
        }
        QueryResult::Ok(removed)
    })?;
    Ok(PurgedBatch { removed, may_be_more })
}

/// Stores the key of a login; a key that is known moves its times forward, never back.
pub(super) fn upsert(connection: &mut MysqlConnection, login: &Login) -> QueryResult<()> {
    let upsert = Upsert {
        openid: login.openid.as_str(),
        fingerprint: &login.session_key.fingerprint().0,
        session_key: &login.session_key.expose_base64(),
        code_hash: &login.code_hash.0,
        ttl_seconds: login.ttl_seconds,
    };
    upsert.execute(connection).map(drop)
}

/// When the key expires, and now, both by the database's clock.
pub(super) fn expiry(
    connection: &mut MysqlConnection,
    login: &Login,
) -> QueryResult<(NaiveDateTime, NaiveDateTime)> {
    sessions::table
        .find((login.openid.as_str(), login.session_key.fingerprint().0))
        .select((sessions::expires_at, UtcNow))
        .first(connection)
}

/// One upsert; diesel has no `VALUES()`, which MySQL 5.6 needs to name the new row.
struct Upsert<'a> {
    openid: &'a str,
    fingerprint: &'a str,
    session_key: &'a str,
    code_hash: &'a [u8],
    ttl_seconds: i64,
}

impl QueryFragment<Mysql> for Upsert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, \
             first_seen_at, issued_at, expires_at) VALUES (",
        );
        out.push_bind_param::<Text, _>(self.openid)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.fingerprint)?;
        out.push_sql(", ");
        out.push_bind_param::<Text, _>(self.session_key)?;
        out.push_sql(", ");
        out.push_bind_param::<Binary, _>(self.code_hash)?;
        out.push_sql(", UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ");
        out.push_bind_param::<BigInt, _>(&self.ttl_seconds)?;
        out.push_sql(
            " SECOND) ON DUPLICATE KEY UPDATE code_hash = VALUES(code_hash), \
             issued_at = GREATEST(issued_at, VALUES(issued_at)), \
             expires_at = GREATEST(expires_at, VALUES(expires_at))",
        );
        Ok(())
    }
}

/// The text never changes, so the statement is prepared once a connection.
impl QueryId for Upsert<'_> {
    type QueryId = Upsert<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<MysqlConnection> for Upsert<'_> {}
