//! What a login writes: its user if they are new, its key, its code; for one login or many.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::codes;
use super::connection::lane::Joined;
use super::new_keys::{NewKey, OneOfKeys, Upsert, UpsertOne};
use super::sessions::{KeyId, Login, StoredLogin, stored_login};
use super::sql::{OneOf, UtcNow, filled_up};
use crate::schema::{sessions, users};
use crate::values::UnionId;

/// Stores the keys of logins in one commit.
pub(super) struct SaveLogins;

impl Joined for SaveLogins {
    type Input = Login;
    type Output = StoredLogin;

    fn run(connection: &mut MysqlConnection, logins: &[Login]) -> QueryResult<Vec<StoredLogin>> {
        let new_keys: Vec<NewKey> = logins.iter().map(NewKey::of).collect();
        // Whoever writes several rows writes them in this order, so that no two wait for each other.
        let mut in_order: Vec<&NewKey> = new_keys.iter().collect();
        in_order.sort_unstable_by_key(|key| key.name());
        let saved = match save_keys(connection, &in_order).optional()? {
            Some(saved) => saved,
            None => {
                save_users(connection, logins)?;
                save_keys(connection, &in_order)?
            }
        };
        new_keys.iter().map(|key| saved.login(key).ok_or(diesel::NotFound)).collect()
    }
}

/// A key's primary key; its row's code, when it expires, and now, by the database's clock; its
/// user's unionid.
type Row = (String, String, Vec<u8>, NaiveDateTime, NaiveDateTime, Option<String>);

/// Stored keys, in the order of their primary keys.
struct Saved(Vec<Row>);

impl Saved {
    fn new(mut rows: Vec<Row>) -> Self {
        rows.sort_unstable_by(|one, other| name(one).cmp(&name(other)));
        Self(rows)
    }

    fn row(&self, key: &NewKey) -> Option<&Row> {
        let index = self.0.binary_search_by(|row| name(row).cmp(&key.name())).ok()?;
        self.0.get(index)
    }

    fn login(&self, key: &NewKey) -> Option<StoredLogin> {
        let (_, _, _, expires_at, now, _) = self.row(key)?;
        let id = KeyId { openid: key.login.openid.clone(), fingerprint: key.fingerprint.clone() };
        Some(stored_login(id, *expires_at, *now))
    }
}

fn name((openid, fingerprint, ..): &Row) -> (&str, &str) {
    (openid, fingerprint)
}

/// Stores the keys of users that exist; if one of them does not, or has another unionid by now,
/// that is [`diesel::NotFound`], and no key without a user is stored.
fn save_keys(connection: &mut MysqlConnection, keys: &[&NewKey]) -> QueryResult<Saved> {
    if let [key] = keys {
        // The user is locked while their key is written, so nobody erases them in between.
        UpsertOne(key).execute(connection)?;
        return read_back(connection, keys, keys);
    }
    let filled_up = filled_up(keys.to_vec());
    connection.transaction(|connection| {
        Upsert(&filled_up).execute(connection)?;
        // The users are read after their keys are written: then whoever erases a user has either
        // done so and is seen here, or waits for the commit and removes this key too.
        read_back(connection, keys, &filled_up)
    })
}

/// The rows of the keys as they stand now; `filled_up` names the same ones.
fn read_back(
    connection: &mut MysqlConnection,
    keys: &[&NewKey],
    filled_up: &[&NewKey],
) -> QueryResult<Saved> {
    let rows = sessions::table
        .inner_join(users::table.on(users::openid.eq(sessions::openid)))
        .filter(OneOfKeys(filled_up))
        .select((
            sessions::openid,
            sessions::key_fingerprint,
            sessions::code_hash,
            sessions::expires_at,
            UtcNow,
            users::unionid,
        ))
        .load(connection)?;
    let saved = Saved::new(rows);
    let mut further = Vec::new();
    for key in keys {
        let (_, _, code_hash, _, _, unionid) = saved.row(key).ok_or(diesel::NotFound)?;
        if !is_up_to_date(unionid.as_deref(), key.login) {
            return Err(diesel::NotFound);
        }
        if *code_hash != key.login.code_hash.0 {
            further.push(*key);
        }
    }
    codes::remember(connection, further)?;
    Ok(saved)
}

fn is_up_to_date(stored_unionid: Option<&str>, login: &Login) -> bool {
    let unionid = login.unionid.as_ref().map(UnionId::as_str);
    unionid.is_none() || unionid == stored_unionid
}

/// Creates those users that do not exist, and stores new unionids. They are asked for first, as an
/// ignored insert would still use up an id.
fn save_users(connection: &mut MysqlConnection, logins: &[Login]) -> QueryResult<()> {
    // In order, like the keys.
    let logins: BTreeMap<&str, &Login> =
        logins.iter().map(|login| (login.openid.as_str(), login)).collect();
    let is_user = OneOf::new(users::openid, logins.keys().copied().collect());
    let known: Vec<(String, Option<String>)> =
        users::table.filter(is_user).select((users::openid, users::unionid)).load(connection)?;
    let known: HashMap<_, _> = known.into_iter().collect();
    let (old, new): (Vec<_>, Vec<_>) =
        logins.into_iter().partition(|(openid, _)| known.contains_key(*openid));
    let is_changed = |(openid, login): &(&str, &Login)| {
        let unionid = known.get(*openid).and_then(Option::as_deref);
        !is_up_to_date(unionid, login)
    };
    let row = |(openid, login): (_, &Login)| {
        (
            users::openid.eq(openid),
            users::unionid.eq(login.unionid.as_ref().map(|unionid| unionid.as_str().to_owned())),
            users::created_at.eq(UtcNow),
            users::updated_at.eq(UtcNow),
        )
    };
    let rows: Vec<_> = new.into_iter().map(row).collect();
    if !rows.is_empty() {
        diesel::insert_or_ignore_into(users::table).values(rows).execute(connection)?;
    }
    for (openid, login) in old.into_iter().filter(is_changed) {
        let unionid = login.unionid.as_ref().map(UnionId::as_str);
        let change = (users::unionid.eq(unionid), users::updated_at.eq(UtcNow));
        diesel::update(users::table.filter(users::openid.eq(openid)))
            .set(change)
            .execute(connection)?;
    }
    Ok(())
}
