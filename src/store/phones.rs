//! Users' phones: the columns in `users`, and `phone_history` for the numbers that they replaced; of one
//! user or many in one commit.
//!
//! The races:
//! - *The replay of an old phone*, sent again or overtaken: WeChat's time in the data decides, not the
//!   order of arrival. What is older than the stored number changes nothing.
//! - *Two batches with the same users*: the rows stay locked until the commit, so that each change sees
//!   the one before it.
//! - *An erasure beside it*: a user who is gone before the lock is not there to be changed, and one who
//!   is locked is erased after the commit, phone and history included.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::connection::{MAX_BATCH, Statement};
use super::sql::{OneOf, UtcNow, filled_up};
use super::transaction::transaction;
use super::upsert::{UpdatePhones, UpdatedPhone};
use super::users::{PHONE_COLUMNS, PhoneRow, read_phone, watermark_column};
use crate::schema::{phone_history, users};
use crate::values::{OpenId, Phone};

/// Makes phones those of their users, unless what is stored comes from newer data, and records the
/// numbers that they replace.
pub(super) struct SavePhones;

impl Statement for SavePhones {
    type Input = (OpenId, Phone);
    /// Whether the user is there.
    type Output = bool;

    const MAX_BATCH: usize = MAX_BATCH;
    const MAX_THREADS: usize = 2;
    const WRITES: bool = true;

    fn run(
        connection: &mut MysqlConnection,
        phones: &mut [(OpenId, Phone)],
    ) -> QueryResult<Vec<bool>> {
        transaction(connection, |connection| save_phones(connection, phones))
    }
}

fn save_phones(
    connection: &mut MysqlConnection,
    phones: &[(OpenId, Phone)],
) -> QueryResult<Vec<bool>> {
    let mut owners = locked_owners(connection, phones)?;
    let (mut are_there, mut replaced) = (Vec::with_capacity(phones.len()), Vec::new());
    for (openid, phone) in phones {
        let owner = owners.get_mut(openid.as_str());
        are_there.push(owner.is_some());
        if let Some(old) = owner.and_then(|owner| owner.take(phone)) {
            replaced.push((
                phone_history::openid.eq(openid.as_str()),
                phone_history::phone_number.eq(old.phone_number),
                phone_history::pure_phone_number.eq(old.pure_phone_number),
                phone_history::country_code.eq(old.country_code),
                phone_history::phone_watermark.eq(watermark_column(old.watermark)),
                phone_history::replaced_at.eq(UtcNow),
            ));
        }
    }
    if !replaced.is_empty() {
        diesel::insert_into(phone_history::table).values(replaced).execute(connection)?;
    }
    let changed = owners.iter().filter_map(|(openid, owner)| owner.updated(openid));
    let changed: Vec<UpdatedPhone> = changed.collect();
    if !changed.is_empty() {
        UpdatePhones(&filled_up(changed)).execute(connection)?;
    }
    Ok(are_there)
}

/// Of these users, those that are there.
fn locked_owners(
    connection: &mut MysqlConnection,
    phones: &[(OpenId, Phone)],
) -> QueryResult<BTreeMap<String, Owner>> {
    // Whoever locks several rows locks them in this order, so that no two wait for each other.
    let mut openids: Vec<&str> = phones.iter().map(|(openid, _)| openid.as_str()).collect();
    openids.sort_unstable();
    openids.dedup();
    let rows: Vec<(u64, String, PhoneRow, Option<NaiveDateTime>, NaiveDateTime)> = users::table
        .filter(OneOf::new(users::openid, openids))
        .select((users::id, users::openid, PHONE_COLUMNS, users::phone_updated_at, UtcNow))
        .for_update()
        .load(connection)?;
    let owner = |(id, openid, phone, updated_at, now)| {
        (openid, Owner { id, phone: read_phone(phone), updated_at, now, has_changed: false })
    };
    Ok(rows.into_iter().map(owner).collect())
}

/// A user as they stand in the database, and as they will.
struct Owner {
    id: u64,
    phone: Option<Phone>,
    /// When the number last changed.
    updated_at: Option<NaiveDateTime>,
    /// By the database's clock.
    now: NaiveDateTime,
    has_changed: bool,
}

impl Owner {
    /// Returns the number that this one replaces.
    fn take(&mut self, phone: &Phone) -> Option<Phone> {
        if self.phone.as_ref().is_some_and(|stored| stored.is_settled_by(phone)) {
            return None;
        }
        self.has_changed = true;
        let old = self.phone.replace(phone.clone());
        if old.as_ref().is_some_and(|old| old.is_same_number(phone)) {
            return None;
        }
        self.updated_at = Some(self.now);
        old
    }

    /// `None` where nothing has changed.
    fn updated<'a>(&'a self, openid: &'a str) -> Option<UpdatedPhone<'a>> {
        let phone = self.phone.as_ref().filter(|_| self.has_changed)?;
        let watermark = watermark_column(phone.watermark);
        Some(UpdatedPhone { id: self.id, openid, phone, watermark, updated_at: self.updated_at })
    }
}
