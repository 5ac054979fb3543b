//! Which key a code brought: the code in the key's row in `sessions`, or `further_codes`.
//!
//! WeChat often keeps a key over several logins within minutes. The row has room for one code, and
//! the page may post each of them again, perhaps to another process.

use std::collections::HashMap;

use chrono::{NaiveDateTime, TimeDelta};
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::connection::{MAX_BATCH, Statement};
use super::sessions::{
    CODE_LIFETIME_SECONDS, Login, PurgedBatch, StoredLogin, read_key_id, stored_login,
};
use super::sql::{CodeIsRecent, OneOf, UtcNow, filled_up};
use super::upsert::InsertCodes;
use crate::schema::{further_codes, sessions};
use crate::values::CodeHash;

/// Old codes that one statement removes.
const PURGE_BATCH: i64 = 500;

/// Finds the logins that codes brought.
pub(super) struct FindLogins;

impl Statement for FindLogins {
    type Input = CodeHash;
    /// As long as the code may be posted again and its key is alive.
    type Output = Option<StoredLogin>;

    const MAX_BATCH: usize = MAX_BATCH;
    const MAX_THREADS: usize = 2;
    const WRITES: bool = false;

    fn run(
        connection: &mut MysqlConnection,
        codes: &mut [CodeHash],
    ) -> QueryResult<Vec<Option<StoredLogin>>> {
        let found = logins_by_codes(connection, codes)?;
        Ok(codes.iter().map(|code| found.get(code).cloned()).collect())
    }
}

/// Which of these codes have brought a key.
pub(super) fn stored_codes(
    connection: &mut MysqlConnection,
    codes: &[CodeHash],
) -> QueryResult<Vec<CodeHash>> {
    let mut stored = Vec::new();
    for codes in codes.chunks(MAX_BATCH) {
        stored.extend(logins_by_codes(connection, codes)?.into_keys());
    }
    Ok(stored)
}

/// Removes one batch of the codes that can no longer be posted again.
pub(super) fn purge_codes(connection: &mut MysqlConnection) -> QueryResult<PurgedBatch> {
    let old: Vec<(Vec<u8>, NaiveDateTime, NaiveDateTime)> = further_codes::table
        .order(further_codes::brought_at)
        .select((further_codes::code_hash, further_codes::brought_at, UtcNow))
        .limit(PURGE_BATCH)
        .load(connection)?;
    let old = old.iter().filter(|(_, brought_at, now)| !is_recent(*brought_at, *now));
    let hashes: Vec<&[u8]> = old.map(|(hash, _, _)| hash.as_slice()).collect();
    if hashes.is_empty() {
        return Ok(PurgedBatch { removed: 0, may_be_more: false });
    }
    let may_be_more = hashes.len() == PURGE_BATCH as usize;
    let old = further_codes::table.filter(OneOf::new(further_codes::code_hash, hashes));
    Ok(PurgedBatch { removed: diesel::delete(old).execute(connection)?, may_be_more })
}

/// Keeps the codes of these logins, as their keys' rows have no room for them.
pub(super) fn remember(connection: &mut MysqlConnection, mut keys: Vec<&Login>) -> QueryResult<()> {
    if keys.is_empty() {
        return Ok(());
    }
    // Whoever writes several rows writes them in this order, so that no two wait for each other.
    keys.sort_unstable_by_key(|key| key.code_hash.0);
    InsertCodes(&filled_up(keys)).execute(connection).map(drop)
}

/// A code, the primary key of its key, when it brought it, when that expires, and now.
type Row = (Vec<u8>, String, String, NaiveDateTime, NaiveDateTime, NaiveDateTime);

/// At most [`MAX_BATCH`] codes: of a longer list the database thinks that reading the whole table costs
/// less than so many look-ups.
fn logins_by_codes(
    connection: &mut MysqlConnection,
    codes: &[CodeHash],
) -> QueryResult<HashMap<CodeHash, StoredLogin>> {
    let in_rows: Vec<Row> = sessions::table
        .filter(CodeIsRecent)
        .filter(OneOf::new(sessions::code_hash, hashes(codes)))
        .select((
            sessions::code_hash,
            sessions::openid,
            sessions::key_fingerprint,
            sessions::code_brought_at,
            sessions::expires_at,
            UtcNow,
        ))
        .load(connection)?;
    let mut found: HashMap<_, _> = in_rows.into_iter().filter_map(read_login).collect();
    let others: Vec<_> = codes.iter().filter(|code| !found.contains_key(*code)).copied().collect();
    if !others.is_empty() {
        found.extend(further_rows(connection, &others)?.into_iter().filter_map(read_login));
    }
    Ok(found)
}

/// Joined with its key, so that a code whose key was taken away is none.
fn further_rows(connection: &mut MysqlConnection, codes: &[CodeHash]) -> QueryResult<Vec<Row>> {
    let is_its_key = sessions::openid
        .eq(further_codes::openid)
        .and(sessions::key_fingerprint.eq(further_codes::key_fingerprint));
    further_codes::table
        .inner_join(sessions::table.on(is_its_key))
        .filter(OneOf::new(further_codes::code_hash, hashes(codes)))
        .select((
            further_codes::code_hash,
            sessions::openid,
            sessions::key_fingerprint,
            further_codes::brought_at,
            sessions::expires_at,
            UtcNow,
        ))
        .load(connection)
}

fn hashes(codes: &[CodeHash]) -> Vec<&[u8]> {
    codes.iter().map(|code| code.0.as_slice()).collect()
}

fn read_login(row: Row) -> Option<(CodeHash, StoredLogin)> {
    let (hash, openid, fingerprint, brought_at, expires_at, now) = row;
    let is_valid = is_recent(brought_at, now) && expires_at > now;
    let key = read_key_id((openid, fingerprint)).filter(|_| is_valid)?;
    Some((CodeHash(hash.try_into().ok()?), stored_login(key, expires_at, now)))
}

fn is_recent(brought_at: NaiveDateTime, now: NaiveDateTime) -> bool {
    now - brought_at <= TimeDelta::seconds(CODE_LIFETIME_SECONDS)
}
