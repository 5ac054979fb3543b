//! What a login writes: its user if they are new, its key, its code; for one login or many.
//!
//! Wanted: concurrent logins of one user lose no key and never fail; no key is ever stored without
//! a user; what was answered is committed.
//!
//! The races:
//! - *Two batches with the same users*: both write keys, and then users, in the order of their
//!   names, so neither waits for the other in a circle.
//! - *An erasure beside a login*: the eraser locks the range of a user's keys before it removes the
//!   user. A key that is written before that is removed with the others; one that is written after
//!   it waits, then finds no user, and makes a new one in the same transaction.
//! - *The same new user in two processes*: the second insert is ignored, its key is stored all the
//!   same.
//! - *A purge beside a login that brings an expired key again*: the row is gone or it is moved
//!   forward; the upsert does whichever is needed.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::codes;
use super::connection::{MAX_BATCH, Statement};
use super::sessions::{KeyId, Login, StoredLogin, stored_login};
use super::sql::{UtcNow, filled_up};
use super::transaction::transaction;
use super::upsert::{OneOfKeys, Upsert, UpsertOne};
use crate::schema::{sessions, users};
use crate::values::UnionId;

/// Stores the keys of logins in one commit.
pub(super) struct SaveLogins;

impl Statement for SaveLogins {
    type Input = Login;
    type Output = StoredLogin;

    const MAX_BATCH: usize = MAX_BATCH;
    const MAX_THREADS: usize = 2;
    const WRITES: bool = true;

    fn run(
        connection: &mut MysqlConnection,
        logins: &mut [Login],
    ) -> QueryResult<Vec<StoredLogin>> {
        // Whoever writes several rows writes them in this order, so that no two wait for each other.
        let mut in_order: Vec<&Login> = logins.iter().collect();
        in_order.sort_unstable_by_key(|key| key.name());
        let of_known_user = match in_order.as_slice() {
            [key] => save_key_of_known_user(connection, key)?,
            _ => None,
        };
        let saved = match of_known_user {
            Some(saved) => saved,
            None => save_keys(connection, &in_order)?,
        };
        logins.iter().map(|login| saved.login(login)).collect()
    }
}

/// One key of a user who is there and has not changed: the user is locked by the statement that
/// writes the key, so nobody erases them in between, and no transaction is needed.
fn save_key_of_known_user(
    connection: &mut MysqlConnection,
    key: &Login,
) -> QueryResult<Option<Saved>> {
    if UpsertOne(key).execute(connection)? == 0 {
        return Ok(None);
    }
    let saved = Saved::read(connection, &[key])?;
    if saved.user_of(key)? != User::UpToDate {
        return Ok(None);
    }
    save_codes(connection, &saved, &[key])?;
    Ok(Some(saved))
}

/// The users are read after their keys are written: then whoever erases a user has either done so
/// and is seen here, or waits for the commit and removes this key too. (A read before the write
/// would fix what the transaction sees, and let an erasure slip through.)
fn save_keys(connection: &mut MysqlConnection, keys: &[&Login]) -> QueryResult<Saved> {
    let filled_up = filled_up(keys.to_vec());
    transaction(connection, |connection| {
        Upsert(&filled_up).execute(connection)?;
        let saved = Saved::read(connection, &filled_up)?;
        save_users(connection, &saved, keys)?;
        save_codes(connection, &saved, keys)?;
        Ok(saved)
    })
}

/// Creates the users that do not exist, and stores new unionids, each in order, like the keys.
fn save_users(connection: &mut MysqlConnection, saved: &Saved, keys: &[&Login]) -> QueryResult<()> {
    let (mut new, mut changed) = (BTreeMap::new(), BTreeMap::new());
    for key in keys {
        let openid = key.openid.as_str();
        let unionid = key.unionid.as_ref().map(UnionId::as_str);
        match saved.user_of(key)? {
            User::Missing => new.insert(openid, unionid),
            User::Changed => changed.insert(openid, unionid),
            User::UpToDate => None,
        };
    }
    let row = |(openid, unionid)| {
        (
            users::openid.eq(openid),
            users::unionid.eq(unionid),
            users::created_at.eq(UtcNow),
            users::updated_at.eq(UtcNow),
        )
    };
    let rows: Vec<_> = new.into_iter().map(row).collect();
    if !rows.is_empty() {
        diesel::insert_or_ignore_into(users::table).values(rows).execute(connection)?;
    }
    for (openid, unionid) in changed {
        let change = (users::unionid.eq(unionid), users::updated_at.eq(UtcNow));
        diesel::update(users::table.filter(users::openid.eq(openid)))
            .set(change)
            .execute(connection)?;
    }
    Ok(())
}

/// Keeps the codes for which the keys' rows have no room.
fn save_codes(connection: &mut MysqlConnection, saved: &Saved, keys: &[&Login]) -> QueryResult<()> {
    let mut further = Vec::new();
    for key in keys {
        if saved.row(key)?.code_hash != key.code_hash.0 {
            further.push(*key);
        }
    }
    codes::remember(connection, further)
}

/// A key's row, and its user if there is one.
#[derive(Queryable)]
struct Row {
    openid: String,
    key_fingerprint: String,
    code_hash: Vec<u8>,
    expires_at: NaiveDateTime,
    /// By the database's clock.
    now: NaiveDateTime,
    user: Option<(u64, Option<String>)>,
}

impl Row {
    fn name(&self) -> (&str, &str) {
        (&self.openid, &self.key_fingerprint)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum User {
    Missing,
    /// Has another unionid by now.
    Changed,
    UpToDate,
}

/// Keys as they stand in the database, in the order of their primary keys.
struct Saved(Vec<Row>);

impl Saved {
    fn read(connection: &mut MysqlConnection, keys: &[&Login]) -> QueryResult<Self> {
        let mut rows: Vec<Row> = sessions::table
            .left_join(users::table.on(users::openid.eq(sessions::openid)))
            .filter(OneOfKeys(keys))
            .select((
                sessions::openid,
                sessions::key_fingerprint,
                sessions::code_hash,
                sessions::expires_at,
                UtcNow,
                (users::id, users::unionid).nullable(),
            ))
            .load(connection)?;
        rows.sort_unstable_by(|one, other| one.name().cmp(&other.name()));
        Ok(Self(rows))
    }

    fn row(&self, key: &Login) -> QueryResult<&Row> {
        let index = self.0.binary_search_by(|row| row.name().cmp(&key.name()));
        index.ok().and_then(|index| self.0.get(index)).ok_or(diesel::NotFound)
    }

    fn user_of(&self, key: &Login) -> QueryResult<User> {
        let unionid = key.unionid.as_ref().map(UnionId::as_str);
        Ok(match &self.row(key)?.user {
            None => User::Missing,
            Some((_, stored)) if unionid.is_some() && unionid != stored.as_deref() => User::Changed,
            Some(_) => User::UpToDate,
        })
    }

    fn login(&self, key: &Login) -> QueryResult<StoredLogin> {
        let row = self.row(key)?;
        let id = KeyId { openid: key.openid.clone(), fingerprint: key.fingerprint.clone() };
        Ok(stored_login(id, row.expires_at, row.now))
    }
}
