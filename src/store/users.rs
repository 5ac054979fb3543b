//! The table `users`, and what is read and written of a user as a whole: a login, the key ring.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::codes;
use super::sessions::{self as keys, KeyId, Login, StoredLogin};
use super::sql::UtcNow;
use super::{Result, Store};
use crate::schema::{sessions, users};
use crate::values::{Fingerprint, OpenId, Phone, SessionKey};

/// Living keys that are tried for one decryption, newest first.
const MAX_RING: i64 = 16;

/// A user, and what can open data that their phone encrypted.
#[derive(Debug, Clone)]
pub struct KeyRing {
    pub user: User,
    /// At most [`MAX_RING`], newest first.
    pub keys: Vec<RingKey>,
}

#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    /// `None` until one is authorised.
    pub phone: Option<Phone>,
}

/// A living key of a user.
#[derive(Debug, Clone)]
pub struct RingKey {
    pub session_key: SessionKey,
    pub fingerprint: Fingerprint,
    /// Since a login first brought it.
    pub age: Duration,
    /// Since a login last brought it.
    pub issued_age: Duration,
}

impl Store {
    /// Creates the user if there is none, and stores one more key for them.
    pub async fn save_login(&self, login: Login) -> Result<StoredLogin> {
        self.run(move |connection| save_login(connection, &login)).await
    }

    /// The user and their living keys, in one read; `None` for an openid that never logged in.
    pub async fn key_ring(&self, openid: OpenId) -> Result<Option<KeyRing>> {
        self.run(move |connection| key_ring(connection, &openid)).await
    }
}

/// The user comes first, so that a process killed in between leaves no key without a user.
fn save_login(connection: &mut MysqlConnection, login: &Login) -> QueryResult<StoredLogin> {
    let openid = login.openid.as_str();
    let unionid = login.unionid.as_ref().map(|unionid| unionid.as_str());
    let user = users::table.filter(users::openid.eq(openid));
    let stored_unionid: Option<Option<String>> =
        user.select(users::unionid).first(connection).optional()?;
    // Asked first, as an ignored insert would still use up an id.
    if stored_unionid.is_none() {
        let row = (
            users::openid.eq(openid),
            users::unionid.eq(unionid),
            users::created_at.eq(UtcNow),
            users::updated_at.eq(UtcNow),
        );
        diesel::insert_or_ignore_into(users::table).values(row).execute(connection)?;
    } else if unionid.is_some() && stored_unionid.flatten().as_deref() != unionid {
        let change = (users::unionid.eq(unionid), users::updated_at.eq(UtcNow));
        diesel::update(user).set(change).execute(connection)?;
    }
    let key = KeyId { openid: login.openid.clone(), fingerprint: login.session_key.fingerprint() };
    keys::upsert(connection, login, &key)?;
    let (code_hash, expires_at, now) = keys::stored_row(connection, &key)?;
    if code_hash != login.code_hash.0 {
        codes::remember(connection, &login.code_hash, &key)?;
    }
    Ok(keys::stored_login(key, expires_at, now))
}

/// A stored phone: number, pure number, country code, watermark.
pub(super) type PhoneRow = (Option<String>, Option<String>, Option<String>, Option<NaiveDateTime>);

type PhoneColumns =
    (users::phone_number, users::pure_phone_number, users::country_code, users::phone_watermark);

pub(super) const PHONE_COLUMNS: PhoneColumns =
    (users::phone_number, users::pure_phone_number, users::country_code, users::phone_watermark);

/// A key's text and fingerprint, when it was first and last brought, and now.
type KeyRow = (String, String, NaiveDateTime, NaiveDateTime, NaiveDateTime);

/// The user's id and phone, and one of their living keys.
type JoinedRow = (u64, PhoneRow, Option<KeyRow>);

fn key_ring(connection: &mut MysqlConnection, openid: &OpenId) -> QueryResult<Option<KeyRing>> {
    let is_living_key_of_user =
        sessions::openid.eq(users::openid).and(sessions::expires_at.gt(UtcNow));
    let rows: Vec<JoinedRow> = users::table
        .left_join(sessions::table.on(is_living_key_of_user))
        .filter(users::openid.eq(openid.as_str()))
        .order((sessions::issued_at.desc(), sessions::key_fingerprint))
        .limit(MAX_RING)
        .select((
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
        .load(connection)?;
    let mut user = None;
    let mut keys = Vec::with_capacity(rows.len());
    for (id, phone_row, key_row) in rows {
        user.get_or_insert_with(|| User { id, phone: read_phone(phone_row) });
        keys.extend(key_row.and_then(read_key));
    }
    Ok(user.map(|user| KeyRing { user, keys }))
}

pub(super) fn read_phone(row: PhoneRow) -> Option<Phone> {
    let (phone_number, pure_phone_number, country_code, watermark) = row;
    Some(Phone {
        phone_number: phone_number?,
        pure_phone_number: pure_phone_number?,
        country_code: country_code?,
        watermark: watermark?.and_utc().timestamp(),
    })
}

fn read_key((text, fingerprint, first_seen_at, issued_at, now): KeyRow) -> Option<RingKey> {
    let Some(session_key) = SessionKey::parse(&text) else {
        log::error!("the key {fingerprint} in sessions is not one: it is passed over");
        return None;
    };
    // A clock that was set back makes no key younger than new.
    let since = |time: NaiveDateTime| (now - time).to_std().unwrap_or_default();
    Some(RingKey {
        session_key,
        fingerprint: Fingerprint(fingerprint),
        age: since(first_seen_at),
        issued_age: since(issued_at),
    })
}

/// The column's form of a watermark. Every watermark was checked against the clock, so none is
/// outside of what a DATETIME holds.
pub(super) fn watermark_column(seconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc()
}
