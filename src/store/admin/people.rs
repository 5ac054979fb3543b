//! Users as admins see them: looked up, found by phone, erased.

use std::ops::AddAssign;

use chrono::NaiveDateTime;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::direct::Direct;
use crate::schema::{further_codes, phone_history, sessions, users};
use crate::store::error::Result;
use crate::store::sql::OneOf;
use crate::store::transaction::transaction;
use crate::values::OpenId;

/// Users with one number that are shown: a family shares one, a thousand do not.
const MAX_FOUND: i64 = 1_000;
/// The shortest number, without its area code, that a phone has.
const MIN_DIGITS: usize = 4;

/// A row of `users`. Times are UTC. It has no `Debug`, as it holds a phone.
#[derive(Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct StoredUser {
    pub id: u64,
    pub openid: String,
    pub unionid: Option<String>,
    pub phone_number: Option<String>,
    pub pure_phone_number: Option<String>,
    pub country_code: Option<String>,
    pub phone_updated_at: Option<NaiveDateTime>,
    pub created_at: NaiveDateTime,
    pub updated_at: NaiveDateTime,
}

/// Rows of each table that an erasure removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    pub users: usize,
    pub sessions: usize,
    pub further_codes: usize,
    pub phone_history: usize,
}

impl Erased {
    pub fn is_nothing(self) -> bool {
        self.users + self.sessions + self.further_codes + self.phone_history == 0
    }
}

impl AddAssign for Erased {
    fn add_assign(&mut self, other: Self) {
        self.users += other.users;
        self.sessions += other.sessions;
        self.further_codes += other.further_codes;
        self.phone_history += other.phone_history;
    }
}

impl Direct {
    pub fn user(&mut self, openid: &OpenId) -> Result<Option<StoredUser>> {
        let user =
            users::table.filter(users::openid.eq(openid.as_str())).select(StoredUser::as_select());
        self.run(|connection| user.first(connection).optional())
    }

    /// The numbers that the user had before, newest first, and when each was replaced.
    pub fn former_phones(&mut self, openid: &OpenId) -> Result<Vec<(String, NaiveDateTime)>> {
        let history = phone_history::table
            .filter(phone_history::openid.eq(openid.as_str()))
            .order(phone_history::id.desc())
            .select((phone_history::phone_number, phone_history::replaced_at))
            .limit(MAX_FOUND);
        self.run(|connection| history.load(connection))
    }

    /// Users whose number is this, with or without its area code; `digits` holds nothing else.
    pub fn users_by_phone(&mut self, digits: &str) -> Result<Vec<StoredUser>> {
        // The index knows numbers without area codes only, so every possible end is looked up.
        let ends = (0..=digits.len().saturating_sub(MIN_DIGITS)).filter_map(|at| digits.get(at..));
        let ends: Vec<&str> = ends.collect();
        let found: Vec<StoredUser> = self.run(|connection| {
            users::table
                .filter(OneOf::new(users::pure_phone_number, ends.clone()))
                .order(users::id)
                .select(StoredUser::as_select())
                .limit(MAX_FOUND)
                .load(connection)
        })?;
        Ok(found.into_iter().filter(|user| user.has_number(digits)).collect())
    }

    /// Removes a user from every table, in one transaction.
    ///
    /// Keys go before their user, and the range of them stays locked: a login that stores one
    /// meanwhile either comes before and loses it here, or waits, misses the user and begins anew.
    pub fn erase(&mut self, openid: &OpenId) -> Result<Erased> {
        self.run(|connection| {
            transaction(connection, |connection| erase(connection, openid.as_str()))
        })
    }
}

impl StoredUser {
    fn has_number(&self, digits: &str) -> bool {
        let (Some(pure), Some(whole)) = (&self.pure_phone_number, &self.phone_number) else {
            return false;
        };
        let area = self.country_code.as_deref().unwrap_or_default();
        digits == pure
            || digits == whole.trim_start_matches('+')
            || digits.strip_prefix(area) == Some(pure.as_str())
    }
}

fn erase(connection: &mut MysqlConnection, openid: &str) -> QueryResult<Erased> {
    let user = users::table.filter(users::openid.eq(openid));
    // So that nobody stores a phone meanwhile.
    let _: Option<u64> = user.select(users::id).for_update().first(connection).optional()?;
    let keys = sessions::table.filter(sessions::openid.eq(openid));
    let codes = further_codes::table.filter(further_codes::openid.eq(openid));
    let phones = phone_history::table.filter(phone_history::openid.eq(openid));
    Ok(Erased {
        sessions: diesel::delete(keys).execute(connection)?,
        further_codes: diesel::delete(codes).execute(connection)?,
        phone_history: diesel::delete(phones).execute(connection)?,
        users: diesel::delete(user).execute(connection)?,
    })
}
