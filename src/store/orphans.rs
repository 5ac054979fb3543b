//! Keys whose user was erased at the moment in which another node of a cluster stored them.
//!
//! One node's locks keep an erasure and a login apart, but nodes that work at once exchange rows, not
//! locks. What slipped through is looked for by the minute in which its code came, which has an index.

use diesel::dsl::{exists, not};
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::sessions::{PURGE_BATCH, PurgedBatch};
use super::sql::CurrentMinute;
use super::transaction::transaction;
use crate::schema::{sessions, users};

/// Minutes since 1970 by the database's clock.
pub(super) fn current_minute(connection: &mut MysqlConnection) -> QueryResult<u32> {
    diesel::select(CurrentMinute).get_result(connection)
}

/// Removes one batch of the keys that came in a minute and have no user.
pub(super) fn purge_orphans(
    connection: &mut MysqlConnection,
    minute: u32,
) -> QueryResult<PurgedBatch> {
    let mut orphans: Vec<(String, String)> = sessions::table
        .left_join(users::table.on(users::openid.eq(sessions::openid)))
        .filter(sessions::code_minute.eq(minute))
        .filter(users::id.nullable().is_null())
        .select((sessions::openid, sessions::key_fingerprint))
        .limit(PURGE_BATCH)
        .load(connection)?;
    if orphans.is_empty() {
        return Ok(PurgedBatch { removed: 0, may_be_more: false });
    }
    // Two processes that purge the same rows must lock them in the same order.
    orphans.sort_unstable();
    let may_be_more = orphans.len() == PURGE_BATCH as usize;
    let removed = transaction(connection, |connection| {
        let mut removed = 0;
        for (openid, fingerprint) in &orphans {
            // The person may have come back meanwhile.
            let user = users::table.filter(users::openid.eq(openid));
            let row = sessions::table.find((openid, fingerprint));
            removed += diesel::delete(row.filter(not(exists(user)))).execute(connection)?;
        }
        Ok(removed)
    })?;
    Ok(PurgedBatch { removed, may_be_more })
}
