//! A user as these commands print it, the phone masked unless it is to be revealed.

use chrono::NaiveDateTime;
use serde::Serialize;

use crate::store::StoredUser;
use crate::values::utc::iso;

/// Its field names are what scripts rely on.
#[derive(Serialize)]
pub struct Person {
    pub openid: String,
    pub id: u64,
    pub unionid: Option<String>,
    pub phone_number: Option<String>,
    pub pure_phone_number: Option<String>,
    pub country_code: Option<String>,
    pub phone_updated_at: Option<String>,
    pub created_at: String,
    pub updated_at: String,
}

impl Person {
    pub fn new(user: StoredUser, reveal: bool) -> Self {
        let shown = |number: Option<String>| number.map(|number| shown(&number, reveal));
        Self {
            openid: user.openid,
            id: user.id,
            unionid: user.unionid,
            phone_number: shown(user.phone_number),
            pure_phone_number: shown(user.pure_phone_number),
            country_code: user.country_code,
            phone_updated_at: user.phone_updated_at.map(iso),
            created_at: iso(user.created_at),
            updated_at: iso(user.updated_at),
        }
    }
}

/// A number that the user had before.
#[derive(Serialize)]
pub struct FormerPhone {
    pub phone_number: String,
    pub replaced_at: String,
}

impl FormerPhone {
    pub fn new((number, replaced_at): (String, NaiveDateTime), reveal: bool) -> Self {
        Self { phone_number: shown(&number, reveal), replaced_at: iso(replaced_at) }
    }
}

/// `135****6666`, or all of it.
fn shown(number: &str, reveal: bool) -> String {
    /// Digits that are shown of the beginning and of the end, of numbers that are long enough to
    /// keep as many hidden.
    const SHOWN: (usize, usize) = (3, 4);
    const MIN_LENGTH: usize = 11;
    let length = number.chars().count();
    let (first, last) = if length >= MIN_LENGTH { SHOWN } else { (0, 2) };
    let is_shown = |at: usize| reveal || at < first || at + last >= length;
    number.chars().enumerate().map(|(at, c)| if is_shown(at) { c } else { '*' }).collect()
}
