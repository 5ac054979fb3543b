//! All stored keys, one after the other: which secrets they are under, and bringing them under
//! another one.

use std::collections::BTreeMap;

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::direct::Direct;
use crate::schema::sessions;
use crate::sealing::{Sealer, entry_name};
use crate::store::error::{Result, StoreError};
use crate::store::transaction::transaction;
use crate::values::{Fingerprint, OpenId, SealedKey};

/// Keys that one statement reads, some 200 bytes each.
const READ_BATCH: usize = 1_000;
/// Keys of one transaction: some ten milliseconds of row locks.
const WRITE_BATCH: usize = 200;

/// How far a walk over all keys is, and what it has found. It goes by the order of primary keys, and
/// a key that comes behind it has been stored by a server of now.
#[derive(Default)]
pub struct KeyWalk {
    pub is_over: bool,
    pub keys: u64,
    /// How many were under each entry; what names none is missing here.
    pub by_entry: BTreeMap<String, u64>,
    /// Under the entry that writes, and good.
    pub current: u64,
    /// That no listed secret opens.
    pub unreadable: u64,
    /// That are brought under the entry that writes.
    pub rewritten: u64,
    /// The primary key of the last one.
    last: (String, String),
}

/// A key, as it was read and as it is to be.
struct Change {
    id: (String, String),
    from: SealedKey,
    to: SealedKey,
}

impl Direct {
    /// How many keys there are, expired ones too.
    pub fn all_keys(&mut self) -> Result<u64> {
        let count: i64 = self.run(|connection| sessions::table.count().get_result(connection))?;
        Ok(count.unsigned_abs())
    }

    /// Looks at the next keys, and changes nothing.
    pub fn walk_keys(&mut self, walk: &mut KeyWalk, sealer: &Sealer) -> Result<()> {
        self.next_changes(walk, sealer).map(drop)
    }

    /// Looks at the next keys, and brings those under the first entry that are not. A row that a login
    /// has written meanwhile is left as that wrote it.
    pub fn reencrypt_keys(&mut self, walk: &mut KeyWalk, sealer: &Sealer) -> Result<()> {
        let changes = self.next_changes(walk, sealer)?;
        for changes in changes.chunks(WRITE_BATCH) {
            let written = self.run(|connection| {
                transaction(connection, |connection| write(connection, changes))
            })?;
            walk.rewritten += written as u64;
        }
        Ok(())
    }

    /// Those among the next keys that are good and not under the first entry.
    fn next_changes(&mut self, walk: &mut KeyWalk, sealer: &Sealer) -> Result<Vec<Change>> {
        let rows = self.run(|connection| read(connection, &walk.last))?;
        walk.is_over = rows.len() < READ_BATCH;
        let mut changes = Vec::new();
        for (openid, fingerprint, text) in rows {
            changes.extend(walk.add(sealer, &openid, &fingerprint, SealedKey::new(text))?);
            walk.last = (openid, fingerprint);
        }
        Ok(changes)
    }
}

impl KeyWalk {
    fn add(
        &mut self,
        sealer: &Sealer,
        openid: &str,
        fingerprint: &str,
        from: SealedKey,
    ) -> Result<Option<Change>> {
        self.keys += 1;
        if let Some(name) = entry_name(&from) {
            *self.by_entry.entry(name.to_owned()).or_default() += 1;
        }
        let opened = OpenId::parse(openid).and_then(|openid| {
            let key = sealer.open(&openid, &Fingerprint(fingerprint.to_owned()), &from).ok()?;
            Some((openid, key))
        });
        let Some((parsed, key)) = opened else {
            self.unreadable += 1;
            return Ok(None);
        };
        if sealer.is_current(&from) {
            self.current += 1;
            return Ok(None);
        }
        let id = (openid.to_owned(), fingerprint.to_owned());
        let sealed = sealer.seal(&parsed, &key);
        let to = sealed.map_err(|error| StoreError::Bug(error.to_string()))?;
        Ok(Some(Change { id, from, to }))
    }
}

fn read(
    connection: &mut MysqlConnection,
    (openid, fingerprint): &(String, String),
) -> QueryResult<Vec<(String, String, String)>> {
    let is_before = sessions::openid.eq(openid).and(sessions::key_fingerprint.le(fingerprint));
    sessions::table
        // The first condition says where the index begins; before the first key both are empty.
        .filter(sessions::openid.ge(openid))
        .filter(diesel::dsl::not(is_before))
        .order((sessions::openid, sessions::key_fingerprint))
        .select((sessions::openid, sessions::key_fingerprint, sessions::session_key))
        .limit(READ_BATCH as i64)
        .load(connection)
}

fn write(connection: &mut MysqlConnection, changes: &[Change]) -> QueryResult<usize> {
    let mut written = 0;
    for Change { id: (openid, fingerprint), from, to } in changes {
        let row = sessions::table.find((openid, fingerprint));
        written += diesel::update(row.filter(sessions::session_key.eq(from.expose())))
            .set(sessions::session_key.eq(to.expose()))
            .execute(connection)?;
    }
    Ok(written)
}
