//! The SQL that stores keys, codes and phones, for which diesel has no words: one text for each length of a list, so
//! that each is prepared once a connection.

use chrono::NaiveDateTime;
use diesel::expression::{AppearsOnTable, Expression, ValidGrouping, is_aggregate};
use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::sql_types::{BigInt, Binary, Bool, Datetime, Nullable, Text, Unsigned};

use super::sessions::{CODE_LIFETIME_SECONDS, Login};
use crate::schema::sessions;
use crate::values::Phone;

/// `(openid, key_fingerprint)` is one of these. As alternatives, since MySQL 5.6 uses no index for
/// a list of pairs.
pub(super) struct OneOfKeys<'a>(pub &'a [&'a Login]);

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
            out.push_bind_param::<Text, _>(key.openid.as_str())?;
            out.push_sql(" AND sessions.key_fingerprint = ");
            out.push_bind_param::<Text, _>(&key.fingerprint.0)?;
        }
        out.push_sql(")");
        Ok(())
    }
}

const INSERT: &str = "INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, \
                      code_brought_at, code_minute, first_seen_at, issued_at, expires_at) ";

/// The columns of one row from `key_fingerprint` on.
fn push_columns<'b>(key: &'b Login, out: &mut AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
    out.push_bind_param::<Text, _>(&key.fingerprint.0)?;
    out.push_sql(", ");
    out.push_bind_param::<Text, _>(key.session_key.expose())?;
    out.push_sql(", ");
    out.push_bind_param::<Binary, _>(&key.code_hash.0)?;
    out.push_sql(
        ", UTC_TIMESTAMP(3), UNIX_TIMESTAMP() DIV 60, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), \
         UTC_TIMESTAMP(3) + INTERVAL ",
    );
    out.push_bind_param::<BigInt, _>(&key.ttl_seconds)?;
    out.push_sql(" SECOND");
    Ok(())
}

/// A key that is known moves its times forward, and keeps the code of its row as long as that may
/// be posted again. It is stored anew, as the secret that it was sealed with may be lost. diesel has no `VALUES()`, which MySQL 5.6 needs to name the new row.
fn push_update<'b>(out: &mut AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
    out.push_sql(" ON DUPLICATE KEY UPDATE ");
    for column in ["code_hash", "code_brought_at", "code_minute"] {
        // The condition holds its meaning also when the columns before this one have changed.
        out.push_sql(column);
        out.push_sql(" = IF(code_brought_at > VALUES(code_brought_at) - INTERVAL ");
        out.push_bind_param::<BigInt, _>(&CODE_LIFETIME_SECONDS)?;
        out.push_sql(" SECOND AND code_hash <> VALUES(code_hash), ");
        out.push_sql(column);
        out.push_sql(", VALUES(");
        out.push_sql(column);
        out.push_sql(")), ");
    }
    out.push_sql(
        "session_key = VALUES(session_key), issued_at = GREATEST(issued_at, VALUES(issued_at)), \
         expires_at = GREATEST(expires_at, VALUES(expires_at))",
    );
    Ok(())
}

/// Inserts keys, or updates those that are known.
pub(super) struct Upsert<'a>(pub &'a [&'a Login]);

impl QueryFragment<Mysql> for Upsert<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(INSERT);
        for (index, key) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "VALUES (" } else { ", (" });
            out.push_bind_param::<Text, _>(key.openid.as_str())?;
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

/// What [`Upsert`] does, for one key, whose user is looked up and locked by the same statement: two
/// ways to the database fewer than a transaction takes. For many keys it would need a temporary table.
pub(super) struct UpsertOne<'a>(pub &'a Login);

impl QueryFragment<Mysql> for UpsertOne<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(INSERT);
        out.push_sql("SELECT openid, ");
        push_columns(self.0, &mut out)?;
        out.push_sql(" FROM users WHERE openid = ");
        out.push_bind_param::<Text, _>(self.0.openid.as_str())?;
        out.push_sql(" LOCK IN SHARE MODE");
        push_update(&mut out)
    }
}

impl QueryId for UpsertOne<'_> {
    type QueryId = UpsertOne<'static>;
    const HAS_STATIC_QUERY_ID: bool = true;
}

impl RunQueryDsl<MysqlConnection> for UpsertOne<'_> {}

/// A user's phone as it is to be.
#[derive(Clone)]
pub(super) struct UpdatedPhone<'a> {
    pub id: u64,
    pub openid: &'a str,
    pub phone: &'a Phone,
    pub watermark: NaiveDateTime,
    /// When the number last changed.
    pub updated_at: Option<NaiveDateTime>,
}

/// Changes the phones of users whose rows are there, and locked: an upsert that inserts nothing, as no
/// `UPDATE` takes a list. It names each by both of its unique keys, so that no `id` is spent.
pub(super) struct UpdatePhones<'a>(pub &'a [UpdatedPhone<'a>]);

impl QueryFragment<Mysql> for UpdatePhones<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(
            "INSERT INTO users (id, openid, phone_number, pure_phone_number, country_code, \
             phone_watermark, phone_updated_at, created_at, updated_at) ",
        );
        for (index, user) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "VALUES (" } else { ", (" });
            out.push_bind_param::<Unsigned<BigInt>, _>(&user.id)?;
            for text in [
                user.openid,
                &user.phone.phone_number,
                &user.phone.pure_phone_number,
                &user.phone.country_code,
            ] {
                out.push_sql(", ");
                out.push_bind_param::<Text, str>(text)?;
            }
            out.push_sql(", ");
            out.push_bind_param::<Datetime, _>(&user.watermark)?;
            out.push_sql(", ");
            out.push_bind_param::<Nullable<Datetime>, _>(&user.updated_at)?;
            out.push_sql(", UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))");
        }
        out.push_sql(
            " ON DUPLICATE KEY UPDATE phone_number = VALUES(phone_number), \
             pure_phone_number = VALUES(pure_phone_number), country_code = VALUES(country_code), \
             phone_watermark = VALUES(phone_watermark), \
             phone_updated_at = VALUES(phone_updated_at), updated_at = VALUES(updated_at)",
        );
        Ok(())
    }
}

/// One text for each length of the list, as above.
impl QueryId for UpdatePhones<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<MysqlConnection> for UpdatePhones<'_> {}

/// Inserts the codes that brought keys into `further_codes`; one that is there stays as it is.
pub(super) struct InsertCodes<'a>(pub &'a [&'a Login]);

impl QueryFragment<Mysql> for InsertCodes<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Mysql>) -> QueryResult<()> {
        out.push_sql(
            "INSERT IGNORE INTO further_codes (code_hash, openid, key_fingerprint, brought_at) ",
        );
        for (index, key) in self.0.iter().enumerate() {
            out.push_sql(if index == 0 { "VALUES (" } else { ", (" });
            out.push_bind_param::<Binary, _>(&key.code_hash.0)?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(key.openid.as_str())?;
            out.push_sql(", ");
            out.push_bind_param::<Text, _>(&key.fingerprint.0)?;
            out.push_sql(", UTC_TIMESTAMP(3))");
        }
        Ok(())
    }
}

impl QueryId for InsertCodes<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl RunQueryDsl<MysqlConnection> for InsertCodes<'_> {}
