//! Which key a code brought: the code in the key's row in `sessions`, or `further_codes`.
//!
//! WeChat often keeps a key over several logins within minutes. The row has room for one code, and
//! the page may post each of them again, perhaps to another process.

use chrono::{NaiveDateTime, TimeDelta};
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::sessions::{
    CODE_LIFETIME_SECONDS, IN_LIST, Login, PurgedBatch, StoredLogin, read_key_id, stored_login,
};
use super::sql::{CodeIsRecent, OneOf, UtcNow, filled_up};
use super::upsert::InsertCodes;
use crate::schema::{further_codes, sessions};
use crate::values::CodeHash;

/// Old codes that one statement removes.
const PURGE_BATCH: i64 = 500;

/// Which of these codes have brought a key.
pub(super) fn stored_codes(
    connection: &mut MysqlConnection,
    codes: &[CodeHash],
) -> QueryResult<Vec<CodeHash>> {
    let mut stored = Vec::new();
    for codes in codes.chunks(IN_LIST) {
        let hashes = || codes.iter().map(|code| code.0.as_slice()).collect();
        let in_rows: Vec<Vec<u8>> = sessions::table
            .filter(CodeIsRecent)
            .filter(OneOf::new(sessions::code_hash, hashes()))
            .select(sessions::code_hash)
            .load(connection)?;
        let further: Vec<Vec<u8>> = further_codes::table
            .filter(OneOf::new(further_codes::code_hash, hashes()))
            .select(further_codes::code_hash)
            .load(connection)?;
        let found = in_rows.into_iter().chain(further);
        stored.extend(found.filter_map(|hash| hash.try_into().ok().map(CodeHash)));
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

/// A key's primary key, when the code brought it, when it expires, and now.
type Row = (String, String, NaiveDateTime, NaiveDateTime, NaiveDateTime);

/// The login that this code brought, as long as the code may be posted again and its key is alive.
pub(super) fn login_by_code(
    connection: &mut MysqlConnection,
    code: &CodeHash,
) -> QueryResult<Option<StoredLogin>> {
    let in_row: Option<Row> = sessions::table
        .filter(CodeIsRecent)
        .filter(sessions::code_hash.eq(code.0.as_slice()))
        .select((
            sessions::openid,
            sessions::key_fingerprint,
            sessions::code_brought_at,
            sessions::expires_at,
            UtcNow,
        ))
        .first(connection)
        .optional()?;
    let row = match in_row {
        Some(row) => Some(row),
        None => further_row(connection, code)?,
    };
    Ok(row.and_then(|(openid, fingerprint, brought_at, expires_at, now)| {
        let is_valid = is_recent(brought_at, now) && expires_at > now;
        let key = read_key_id((openid, fingerprint)).filter(|_| is_valid)?;
        Some(stored_login(key, expires_at, now))
    }))
}

/// Joined with its key, so that a code whose key was taken away is none.
fn further_row(connection: &mut MysqlConnection, code: &CodeHash) -> QueryResult<Option<Row>> {
    let is_its_key = sessions::openid
        .eq(further_codes::openid)
        .and(sessions::key_fingerprint.eq(further_codes::key_fingerprint));
    further_codes::table
        .inner_join(sessions::table.on(is_its_key))
        .filter(further_codes::code_hash.eq(code.0.as_slice()))
        .select((
            sessions::openid,
            sessions::key_fingerprint,
            further_codes::brought_at,
            sessions::expires_at,
            UtcNow,
        ))
        .first(connection)
        .optional()
}

fn is_recent(brought_at: NaiveDateTime, now: NaiveDateTime) -> bool {
    now - brought_at <= TimeDelta::seconds(CODE_LIFETIME_SECONDS)
}
