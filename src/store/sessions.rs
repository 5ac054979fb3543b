//! The table `sessions`: every key that WeChat gave, until it expires.

use chrono::NaiveDateTime;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::sql::{KeyIsExpired, UtcNow};
use super::transaction::transaction;
use crate::schema::sessions;
use crate::values::{CodeHash, Fingerprint, OpenId, SealedKey, UnionId};

/// Expired keys that one purging transaction removes: some ten milliseconds of row locks that no
/// login waits for, as they are taken one by one on expired rows only.
pub(super) const PURGE_BATCH: i64 = 200;
/// How long WeChat keeps a code (its documentation), and so how long a page may post it again.
pub(super) const CODE_LIFETIME_SECONDS: i64 = 5 * 60;

/// What a login brings.
#[derive(Debug, Clone)]
pub struct Login {
    pub openid: OpenId,
    pub unionid: Option<UnionId>,
    pub fingerprint: Fingerprint,
    pub session_key: SealedKey,
    pub code_hash: CodeHash,
    pub ttl_seconds: i64,
}

impl Login {
    /// Its key's primary key.
    pub(super) fn name(&self) -> (&str, &str) {
        (self.openid.as_str(), &self.fingerprint.0)
    }
}

/// Names a stored key: the table's primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyId {
    pub openid: OpenId,
    pub fingerprint: Fingerprint,
}

/// A login as it stands in the database.
#[derive(Debug, Clone)]
pub struct StoredLogin {
    pub key: KeyId,
    /// Whole seconds until the stored key expires, rounded up.
    pub expires_in_seconds: i64,
}

/// What one batch of purging did.
#[derive(Debug, Clone, Copy)]
pub struct PurgedBatch {
    pub removed: usize,
    pub may_be_more: bool,
}

pub(super) fn stored_login(
    key: KeyId,
    expires_at: NaiveDateTime,
    now: NaiveDateTime,
) -> StoredLogin {
    let left_milliseconds = (expires_at - now).num_milliseconds().max(0);
    StoredLogin { key, expires_in_seconds: (left_milliseconds + 999) / 1_000 }
}

pub(super) fn read_key_id((openid, fingerprint): (String, String)) -> Option<KeyId> {
    let fingerprint = Fingerprint(fingerprint);
    OpenId::parse(&openid).map(|openid| KeyId { openid, fingerprint })
}

/// Removes one batch of expired keys and says whether there may be more.
///
/// Looks without locking, then removes row by row by primary key: a range over `expires_at` would
/// also lock the gap where new logins insert.
pub(super) fn purge_batch(connection: &mut MysqlConnection) -> QueryResult<PurgedBatch> {
    let mut expired: Vec<(String, String)> = sessions::table
        .filter(sessions::expires_at.le(UtcNow))
        .order(sessions::expires_at)
        .select((sessions::openid, sessions::key_fingerprint))
        .limit(PURGE_BATCH)
        .load(connection)?;
    // Two processes that purge the same rows must lock them in the same order.
    expired.sort_unstable();
    let may_be_more = expired.len() == PURGE_BATCH as usize;
    let removed = transaction(connection, |connection| {
        let mut removed = 0;
        for (openid, fingerprint) in &expired {
            let row = sessions::table.find((openid, fingerprint));
            removed += diesel::delete(row.filter(KeyIsExpired)).execute(connection)?;
        }
        Ok(removed)
    })?;
    Ok(PurgedBatch { removed, may_be_more })
}
