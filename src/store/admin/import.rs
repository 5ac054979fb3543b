//! Users and keys of an older server, stored in batches beside what is there.
//!
//! A batch is one transaction, and storing it again changes nothing, so that an import that was cut
//! off anywhere can begin again at its beginning.

use std::collections::{HashMap, HashSet};

use chrono::{NaiveDateTime, TimeDelta};
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::result::Error;

use super::direct::Direct;
use crate::schema::{sessions, users};
use crate::sealing::Sealer;
use crate::store::error::Result;
use crate::store::sql::UtcNow;
use crate::store::transaction::transaction;
use crate::store::users::watermark_column;
use crate::values::{OpenId, Phone, SessionKey};

/// Stands where the hash of a code would be, for a key that no code has brought to us: no code is
/// known whose SHA-256 this is.
const NO_CODE: [u8; 32] = [0; 32];

/// What an older server knew of a user.
#[derive(Debug, Clone)]
pub struct ImportedRow {
    pub openid: OpenId,
    pub session_key: Option<SessionKey>,
    pub phone: Option<Phone>,
    /// `None` counts as now.
    pub created_at: Option<NaiveDateTime>,
}

/// What a batch changed, or would.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImportedBatch {
    /// Rows that added anything: a user, a phone or a key.
    pub imported_rows: u64,
    pub users: u64,
    /// Users who were there without a phone and have one now.
    pub phones: u64,
    pub keys: u64,
    /// Keys that were passed over, as they would be expired.
    pub expired_keys: u64,
}

impl Direct {
    /// The database's clock.
    pub fn now(&mut self) -> Result<NaiveDateTime> {
        self.run(|connection| diesel::select(UtcNow).get_result(connection))
    }

    /// Stores a batch; what is there already stays as it is, but for a phone that is missing.
    pub fn import(
        &mut self,
        rows: &[ImportedRow],
        ttl: TimeDelta,
        sealer: &Sealer,
    ) -> Result<ImportedBatch> {
        self.run(|connection| {
            transaction(connection, |connection| {
                Import::plan(connection, rows, ttl)?.run(connection, sealer)
            })
        })
    }

    /// What [`Direct::import`] would change.
    pub fn plan_import(&mut self, rows: &[ImportedRow], ttl: TimeDelta) -> Result<ImportedBatch> {
        self.run(|connection| Ok(Import::plan(connection, rows, ttl)?.expected))
    }
}

/// The rows that add something, by what they add.
struct Import<'a> {
    now: NaiveDateTime,
    ttl: TimeDelta,
    users: Vec<&'a ImportedRow>,
    phones: Vec<(&'a ImportedRow, &'a Phone)>,
    keys: Vec<(&'a ImportedRow, &'a SessionKey)>,
    expected: ImportedBatch,
}

impl<'a> Import<'a> {
    /// Only reads, so that going over rows that are all there locks nothing.
    fn plan(
        connection: &mut MysqlConnection,
        rows: &'a [ImportedRow],
        ttl: TimeDelta,
    ) -> QueryResult<Self> {
        let now = diesel::select(UtcNow).get_result(connection)?;
        let mut have_phone = users_with_phone(connection, rows)?;
        let mut known_keys = known_keys(connection, rows)?;
        let (users, phones, keys) = (Vec::new(), Vec::new(), Vec::new());
        let mut import = Self { now, ttl, users, phones, keys, expected: ImportedBatch::default() };
        for row in rows {
            let mut adds = false;
            match (have_phone.get_mut(row.openid.as_str()), &row.phone) {
                (None, phone) => {
                    have_phone.insert(row.openid.as_str().to_owned(), phone.is_some());
                    import.users.push(row);
                    adds = true;
                }
                (Some(has_phone @ false), Some(phone)) => {
                    *has_phone = true;
                    import.phones.push((row, phone));
                    adds = true;
                }
                (Some(_), _) => {}
            }
            if let Some(key) = &row.session_key {
                let id = (row.openid.as_str().to_owned(), key.fingerprint().0);
                if import.expires_at(row) <= now {
                    import.expected.expired_keys += 1;
                } else if known_keys.insert(id) {
                    import.keys.push((row, key));
                    adds = true;
                }
            }
            import.expected.imported_rows += u64::from(adds);
        }
        import.expected.users = import.users.len() as u64;
        import.expected.phones = import.phones.len() as u64;
        import.expected.keys = import.keys.len() as u64;
        Ok(import)
    }

    fn run(
        mut self,
        connection: &mut MysqlConnection,
        sealer: &Sealer,
    ) -> QueryResult<ImportedBatch> {
        let inserted = self.insert_users(connection)?;
        if inserted < self.users.len() {
            // Somebody has logged in since; what they lack is the phone.
            let with_phone = self.users.iter().filter_map(|row| Some((*row, row.phone.as_ref()?)));
            self.phones.extend(with_phone);
        }
        let phones = self.fill_phones(connection)?;
        let keys = self.insert_keys(connection, sealer)?;
        let (users, phones, keys) = (inserted as u64, phones as u64, keys as u64);
        Ok(ImportedBatch { users, phones, keys, ..self.expected })
    }

    fn insert_users(&self, connection: &mut MysqlConnection) -> QueryResult<usize> {
        let row = |row: &&'a ImportedRow| {
            let phone = row.phone.as_ref();
            let created_at = self.created_at(row);
            (
                users::openid.eq(row.openid.as_str()),
                users::phone_number.eq(phone.map(|phone| phone.phone_number.as_str())),
                users::pure_phone_number.eq(phone.map(|phone| phone.pure_phone_number.as_str())),
                users::country_code.eq(phone.map(|phone| phone.country_code.as_str())),
                users::phone_watermark.eq(phone.map(|phone| watermark_column(phone.watermark))),
                users::phone_updated_at.eq(phone.map(|_| created_at)),
                users::created_at.eq(created_at),
                users::updated_at.eq(self.now),
            )
        };
        let rows: Vec<_> = self.users.iter().map(row).collect();
        if rows.is_empty() {
            return Ok(0);
        }
        diesel::insert_or_ignore_into(users::table).values(rows).execute(connection)
    }

    fn fill_phones(&self, connection: &mut MysqlConnection) -> QueryResult<usize> {
        let mut filled = 0;
        for (row, phone) in &self.phones {
            let lacks_phone = users::table
                .filter(users::openid.eq(row.openid.as_str()))
                .filter(users::phone_number.is_null());
            let change = (
                users::phone_number.eq(&phone.phone_number),
                users::pure_phone_number.eq(&phone.pure_phone_number),
                users::country_code.eq(&phone.country_code),
                users::phone_watermark.eq(watermark_column(phone.watermark)),
                users::phone_updated_at.eq(self.created_at(row)),
                users::updated_at.eq(self.now),
            );
            filled += diesel::update(lacks_phone).set(change).execute(connection)?;
        }
        Ok(filled)
    }
    /// Locks the users first, so that one who is erased at this moment keeps no key.
    fn insert_keys(&self, connection: &mut MysqlConnection, sealer: &Sealer) -> QueryResult<usize> {
        if self.keys.is_empty() {
            return Ok(0);
        }
        let openids: Vec<&str> = self.keys.iter().map(|(row, _)| row.openid.as_str()).collect();
        let there: HashSet<String> = users::table
            .filter(users::openid.eq_any(openids))
            .select(users::openid)
            .for_update()
            .load(connection)?
            .into_iter()
            .collect();
        let rows: Vec<_> = self
            .keys
            .iter()
            .filter(|(row, _)| there.contains(row.openid.as_str()))
            .map(|(row, key)| {
                let sealed = sealer.seal(&row.openid, key);
                let sealed = sealed.map_err(|error| Error::SerializationError(error.into()))?;
                Ok((
                    sessions::openid.eq(row.openid.as_str()),
                    sessions::key_fingerprint.eq(key.fingerprint().0),
                    sessions::session_key.eq(sealed.expose().to_owned()),
                    sessions::code_hash.eq(NO_CODE.as_slice()),
                    sessions::code_brought_at.eq(watermark_column(0)),
                    sessions::first_seen_at.eq(self.created_at(row)),
                    sessions::issued_at.eq(self.created_at(row)),
                    sessions::expires_at.eq(self.expires_at(row)),
                ))
            })
            .collect::<QueryResult<_>>()?;
        if rows.is_empty() {
            return Ok(0);
        }
        diesel::insert_or_ignore_into(sessions::table).values(rows).execute(connection)
    }

    fn created_at(&self, row: &ImportedRow) -> NaiveDateTime {
        row.created_at.unwrap_or(self.now)
    }

    fn expires_at(&self, row: &ImportedRow) -> NaiveDateTime {
        self.created_at(row) + self.ttl
    }
}

/// The users among these, and whether they have a phone.
fn users_with_phone(
    connection: &mut MysqlConnection,
    rows: &[ImportedRow],
) -> QueryResult<HashMap<String, bool>> {
    let openids = rows.iter().map(|row| row.openid.as_str());
    let found: Vec<(String, bool)> = users::table
        .filter(users::openid.eq_any(openids))
        .select((users::openid, users::phone_number.is_not_null()))
        .load(connection)?;
    Ok(found.into_iter().collect())
}

/// Those of the keys of these users that are stored, expired ones too.
fn known_keys(
    connection: &mut MysqlConnection,
    rows: &[ImportedRow],
) -> QueryResult<HashSet<(String, String)>> {
    let with_key = rows.iter().filter(|row| row.session_key.is_some());
    let found: Vec<(String, String)> = sessions::table
        .filter(sessions::openid.eq_any(with_key.map(|row| row.openid.as_str())))
        .select((sessions::openid, sessions::key_fingerprint))
        .load(connection)?;
    Ok(found.into_iter().collect())
}
