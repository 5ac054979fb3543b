//! What a login writes: its user if they are new, its key, its code; for one login or many.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDateTime;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, is_aggregate};
use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Text};

use super::codes;
use super::lane::Joined;
use super::sessions::{CODE_LIFETIME_SECONDS, KeyId, Login, StoredLogin, stored_login};
use super::sql::{OneOf, UtcNow, filled_up};
use super::{Result, Store};
use crate::schema::{sessions, users};
use crate::values::{Fingerprint, UnionId};

impl Store {
    /// Creates the user if there is none, and stores one more key for them: one that is known
    /// moves its times forward, never back.
    pub async fn save_login(&self, login: Login) -> Result<StoredLogin> {
        self.logins.run(login).await
    }
}

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

/// A key to be stored, in the columns' forms.
struct NewKey<'a> {
    login: &'a Login,
    fingerprint: Fingerprint,
    session_key: String,
}

impl<'a> NewKey<'a> {
    fn of(login: &'a Login) -> Self {
        let fingerprint = login.session_key.fingerprint();
        Self { login, fingerprint, session_key: login.session_key.expose_base64() }
    }

    /// Its primary key.
    fn name(&self) -> (&str, &str) {
        (self.login.openid.as_str(), &self.fingerprint.0)
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
    for key in keys {
        let (_, _, code_hash, _, _, unionid) = saved.row(key).ok_or(diesel::NotFound)?;
        if !is_up_to_date(unionid.as_deref(), key.login) {
            return Err(diesel::NotFound);
        }
        if *code_hash != key.login.code_hash.0 {
            let (openid, fingerprint) = key.name();
            codes::remember(connection, &key.login.code_hash, openid, fingerprint)?;
        }
    }
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

/// `(openid, key_fingerprint)` is one of these. As alternatives, since MySQL 5.6 uses no index for
/// a list of pairs.
struct OneOfKeys<'a>(&'a [&'a NewKey<'a>]);

impl Expression for OneOfKeys<'_> {
    type SqlType = Bool;
}

impl<Table> AppearsOnTable<Table> for OneOfKeys<'_> where sessions::openid: AppearsOnTable<Table> {}

impl ValidGrouping<()> for OneOfKeys<'_> {
    type IsAggregate = is_aggregate::Never;
}

impl QueryId for OneOfKeys<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl QueryFragment<Mysql> for OneOfKeys<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        for (index, key) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "(" } else { " OR " });
            out.push_sql("sessions.openid = ");
            out.push_bind_param::<Text, _>(key.login.openid.as_str())?;
            out.push_sql(" AND sessions.key_fingerprint = ");
            out.push_bind_param::<Text, _>(&key.fingerprint.0)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

const INSERT: &str = "INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, \
                      code_brought_at, first_seen_at, issued_at, expires_at) ";

/// The columns of one row from `key_fingerprint` on.
fn push_columns<'b>(key: &'b NewKey, out: &mut AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
    out.push_bind_param::<Text, _>(&key.fingerprint.0)?;
    out.push_sql(", ");
    out.push_bind_param::<Text, _>(&key.session_key)?;
    out.push_sql(", ");
    out.push_bind_param::<Binary, _>(&key.login.code_hash.0)?;
    out.push_sql(
        ", UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL ",
    );
    out.push_bind_param::<BigInt, _>(&key.login.ttl_seconds)?;
    out.push_sql(" SECOND");
    Ok(())
}

/// A key that is known moves its times forward, and keeps the code of its row as long as that may
/// be posted again. diesel has no `VALUES()`, which MySQL 5.6 needs to name the new row.
fn push_update<'b>(out: &mut AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
    // The condition holds its meaning whether or not the first assignment is done by then.
    let keeps_code = "code_brought_at > VALUES(code_brought_at) - INTERVAL ";
    let of_another = " SECOND AND code_hash <> VALUES(code_hash)";
    out.push_sql(" ON DUPLICATE KEY UPDATE code_hash = IF(");
    out.push_sql(keeps_code);
    out.push_bind_param::<BigInt, _>(&CODE_LIFETIME_SECONDS)?;
    out.push_sql(of_another);
    out.push_sql(", code_hash, VALUES(code_hash)), code_brought_at = IF(");
    out.push_sql(keeps_code);
    out.push_bind_param::<BigInt, _>(&CODE_LIFETIME_SECONDS)?;
    out.push_sql(of_another);
    out.push_sql(
        ", code_brought_at, VALUES(code_brought_at)), \
         issued_at = GREATEST(issued_at, VALUES(issued_at)), \
         expires_at = GREATEST(expires_at, VALUES(expires_at))",
    );
    Ok(())
}

/// Inserts keys, or updates those that are known.
struct Upsert<'a>(&'a [&'a NewKey<'a>]);

impl QueryFragment<Mysql> for Upsert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(INSERT);
        for (index, key) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "VALUES (" } else { ", (" });
            out.push_bind_param::<Text, _>(key.login.openid.as_str())?;
            out.push_sql(", ");
            push_columns(key, &mut out)?;
            out.push_sql(")");
        }
        push_update(&mut out)
    }
}

/// One text for each length of the list, so that each is prepared once a connection.
impl QueryId for Upsert<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<MysqlConnection> for Upsert<'_> {}

/// The same for one key, whose user is looked up and locked by the same statement: two ways to the
/// database fewer than a transaction takes. For many keys it would need a temporary table.
struct UpsertOne<'a>(&'a NewKey<'a>);

impl QueryFragment<Mysql> for UpsertOne<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(INSERT);
        out.push_sql("SELECT openid, ");
        push_columns(self.0, &mut out)?;
        out.push_sql(" FROM users WHERE openid = ");
        out.push_bind_param::<Text, _>(self.0.login.openid.as_str())?;
        out.push_sql(" LOCK IN SHARE MODE");
        push_update(&mut out)
    }
}

impl QueryId for UpsertOne<'_> {
    type QueryId = UpsertOne<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<MysqlConnection> for UpsertOne<'_> {}
