//! A user's phone: the columns in `users`, and `phone_history` for the numbers that it replaced.
//!
//! The race: *the replay of an old phone*, sent again or overtaken. WeChat's time in the data
//! decides, not the order of arrival: what is older than the stored number changes nothing.

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::sql::UtcNow;
use super::transaction::transaction;
use super::users::{PHONE_COLUMNS, PhoneRow, read_phone, watermark_column};
use crate::schema::{phone_history, users};
use crate::values::{OpenId, Phone};

/// Makes this the user's phone, unless what is stored comes from newer data, and records the number
/// that it replaces. Returns false where the user is gone.
pub(super) fn save_phone(
    connection: &mut MysqlConnection,
    openid: &OpenId,
    phone: &Phone,
) -> QueryResult<bool> {
    transaction(connection, |connection| replace_phone(connection, openid, phone))
}

/// The row stays locked until the commit, so that each change sees the one before it.
fn replace_phone(
    connection: &mut MysqlConnection,
    openid: &OpenId,
    phone: &Phone,
) -> QueryResult<bool> {
    let user = users::table.filter(users::openid.eq(openid.as_str()));
    let stored: Option<PhoneRow> =
        user.select(PHONE_COLUMNS).for_update().first(connection).optional()?;
    let Some(stored) = stored else {
        return Ok(false);
    };
    let stored = read_phone(stored);
    if stored.as_ref().is_some_and(|stored| stored.is_settled_by(phone)) {
        return Ok(true);
    }
    let watermark = users::phone_watermark.eq(watermark_column(phone.watermark));
    if stored.as_ref().is_some_and(|stored| stored.is_same_number(phone)) {
        let change = (watermark, users::updated_at.eq(UtcNow));
        diesel::update(user).set(change).execute(connection)?;
        return Ok(true);
    }
    if let Some(replaced) = stored {
        diesel::insert_into(phone_history::table)
            .values((
                phone_history::openid.eq(openid.as_str()),
                phone_history::phone_number.eq(replaced.phone_number),
                phone_history::pure_phone_number.eq(replaced.pure_phone_number),
                phone_history::country_code.eq(replaced.country_code),
                phone_history::phone_watermark.eq(watermark_column(replaced.watermark)),
                phone_history::replaced_at.eq(UtcNow),
            ))
            .execute(connection)?;
    }
    let change = (
        users::phone_number.eq(&phone.phone_number),
        users::pure_phone_number.eq(&phone.pure_phone_number),
        users::country_code.eq(&phone.country_code),
        watermark,
        users::phone_updated_at.eq(UtcNow.nullable()),
        users::updated_at.eq(UtcNow),
    );
    diesel::update(user).set(change).execute(connection)?;
    Ok(true)
}
