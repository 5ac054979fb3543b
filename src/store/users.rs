//! The table `users`: what is read of a person.

use chrono::{DateTime, NaiveDateTime};

use crate::schema::users;
use crate::values::Phone;

#[derive(Debug, Clone)]
pub struct User {
    pub id: u64,
    /// `None` until one is authorised.
    pub phone: Option<Phone>,
}

/// A stored phone: number, pure number, country code, watermark.
pub(super) type PhoneRow = (Option<String>, Option<String>, Option<String>, Option<NaiveDateTime>);

type PhoneColumns =
    (users::phone_number, users::pure_phone_number, users::country_code, users::phone_watermark);

pub(super) const PHONE_COLUMNS: PhoneColumns =
    (users::phone_number, users::pure_phone_number, users::country_code, users::phone_watermark);

pub(super) fn read_phone(row: PhoneRow) -> Option<Phone> {
    let (phone_number, pure_phone_number, country_code, watermark) = row;
    Some(Phone {
        phone_number: phone_number?,
        pure_phone_number: pure_phone_number?,
        country_code: country_code?,
        watermark: watermark?.and_utc().timestamp(),
    })
}

/// The column's form of a watermark. Every watermark was checked against the clock, so none is
/// outside of what a DATETIME holds.
pub(super) fn watermark_column(seconds: i64) -> NaiveDateTime {
    DateTime::from_timestamp(seconds, 0).unwrap_or_default().naive_utc()
}
