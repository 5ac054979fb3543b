//! The key ring of a user, read from `users` and `sessions` in one statement, for one user or many.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDateTime;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::connection::{MAX_BATCH, Statement};
use super::sessions::KeyId;
use super::sql::{OneOf, UtcNow};
use super::users::{PHONE_COLUMNS, PhoneRow, User, read_phone};
use crate::schema::{sessions, users};
use crate::values::{Fingerprint, OpenId, SealedKey};

/// Living keys that are tried for one decryption, newest first.
const MAX_RING: usize = 16;
/// Rows that one statement for many users may bring, some 300 bytes each. If a few of them have so
/// many keys that this is too little, each user is read alone, newest keys only.
const MAX_ROWS: i64 = (MAX_BATCH * MAX_RING) as i64;

/// A user, and what can open data that their phone encrypted.
#[derive(Debug, Clone)]
pub struct KeyRing {
    pub user: User,
    /// At most [`MAX_RING`], newest first.
    pub keys: Vec<RingKey>,
}

/// A living key of a user.
#[derive(Debug, Clone)]
pub struct RingKey {
    pub session_key: SealedKey,
    pub fingerprint: Fingerprint,
    /// Since a login first brought it.
    pub age: Duration,
    /// Since a login last brought it.
    pub issued_age: Duration,
}

/// Reads key rings by openid.
pub(super) struct ReadRings;

impl Statement for ReadRings {
    type Input = OpenId;
    /// Shared, as several requests may be about one user.
    type Output = Option<Arc<KeyRing>>;

    const MAX_BATCH: usize = MAX_BATCH;
    const MAX_THREADS: usize = 2;
    const WRITES: bool = false;

    fn run(
        connection: &mut MysqlConnection,
        openids: &mut [OpenId],
    ) -> QueryResult<Vec<Self::Output>> {
        // Those who post for one user share what is read.
        let distinct: HashSet<&str> = openids.iter().map(OpenId::as_str).collect();
        let rings = read_rings(connection, distinct.into_iter().collect())?;
        Ok(openids.iter().map(|openid| rings.get(openid.as_str()).cloned()).collect())
    }
}

/// The keys in the rings of these users.
pub(super) fn keys_in_rings(
    connection: &mut MysqlConnection,
    openids: &[OpenId],
) -> QueryResult<Vec<KeyId>> {
    let mut keys = Vec::new();
    for openids in openids.chunks(MAX_BATCH) {
        let rings = read_rings(connection, openids.iter().map(OpenId::as_str).collect())?;
        for openid in openids {
            let ring = rings.get(openid.as_str()).into_iter().flat_map(|ring| &ring.keys);
            let id = |key: &RingKey| KeyId {
                openid: openid.clone(),
                fingerprint: key.fingerprint.clone(),
            };
            keys.extend(ring.map(id));
        }
    }
    Ok(keys)
}

/// A key's text and fingerprint, when it was first and last brought, and now.
type KeyRow = (String, String, NaiveDateTime, NaiveDateTime, NaiveDateTime);

/// The user's openid, id and phone, and one of their living keys.
type JoinedRow = (String, u64, PhoneRow, Option<KeyRow>);

/// The statement, which each of its two uses narrows down.
macro_rules! living_keys {
    () => {
        users::table
            .left_join(
                sessions::table
                    .on(sessions::openid.eq(users::openid).and(sessions::expires_at.gt(UtcNow))),
            )
            .select((
                users::openid,
                users::id,
                PHONE_COLUMNS,
                (
                    sessions::session_key,
                    sessions::key_fingerprint,
                    sessions::first_seen_at,
                    sessions::issued_at,
                    UtcNow,
                )
                    .nullable(),
            ))
    };
}

fn read_rings(
    connection: &mut MysqlConnection,
    openids: Vec<&str>,
) -> QueryResult<HashMap<String, Arc<KeyRing>>> {
    if openids.len() > 1 {
        let rows = read_many(connection, openids.clone())?;
        if (rows.len() as i64) < MAX_ROWS {
            return Ok(rings(rows));
        }
    }
    let mut found = HashMap::new();
    for openid in openids {
        found.extend(rings(read_one(connection, openid)?));
    }
    Ok(found)
}

fn read_one(connection: &mut MysqlConnection, openid: &str) -> QueryResult<Vec<JoinedRow>> {
    living_keys!()
        .filter(users::openid.eq(openid))
        .order((sessions::issued_at.desc(), sessions::key_fingerprint))
        .limit(MAX_RING as i64)
        .load(connection)
}

fn read_many(connection: &mut MysqlConnection, openids: Vec<&str>) -> QueryResult<Vec<JoinedRow>> {
    let mut rows: Vec<JoinedRow> = living_keys!()
        .filter(OneOf::new(users::openid, openids))
        .limit(MAX_ROWS)
        .load(connection)?;
    // In memory, as the database would need a temporary table.
    rows.sort_unstable_by(|(.., one), (.., other)| place(one).cmp(&place(other)));
    Ok(rows)
}

/// Newest first; of keys of one instant, the same one first each time.
fn place(key: &Option<KeyRow>) -> Option<(Reverse<NaiveDateTime>, &str)> {
    key.as_ref()
        .map(|(_, fingerprint, _, issued_at, _)| (Reverse(*issued_at), fingerprint.as_str()))
}

/// The rings in these rows, whose keys come newest first, by openid.
fn rings(rows: Vec<JoinedRow>) -> HashMap<String, Arc<KeyRing>> {
    let mut rings: HashMap<String, KeyRing> = HashMap::with_capacity(rows.len());
    for (openid, id, phone, key) in rows {
        let user = || User { id, phone: read_phone(phone) };
        let ring =
            rings.entry(openid).or_insert_with(|| KeyRing { user: user(), keys: Vec::new() });
        if ring.keys.len() < MAX_RING {
            ring.keys.extend(key.map(read_key));
        }
    }
    rings.into_iter().map(|(openid, ring)| (openid, Arc::new(ring))).collect()
}

fn read_key((text, fingerprint, first_seen_at, issued_at, now): KeyRow) -> RingKey {
    // A clock that was set back makes no key younger than new.
    let since = |time: NaiveDateTime| (now - time).to_std().unwrap_or_default();
    RingKey {
        session_key: SealedKey::new(text),
        fingerprint: Fingerprint(fingerprint),
        age: since(first_seen_at),
        issued_age: since(issued_at),
    }
}
