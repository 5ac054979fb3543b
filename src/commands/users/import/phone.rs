//! A phone number of the older server, in the form in which WeChat gives it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

use chrono::NaiveDateTime;

use crate::values::{OpenId, Phone};

const MAINLAND: &str = "86";
const MAINLAND_DIGITS: usize = 11;
/// The longest is E.164's, the shortest that of small countries.
const FOREIGN_DIGITS: std::ops::RangeInclusive<usize> = 4..=15;
const COUNTRY_CODE_DIGITS: std::ops::RangeInclusive<usize> = 1..=4;

/// WeChat gives a mainland number as its digits, and a foreign one with a plus and its country code
/// before them.
///
/// When it was authorised is not known, only that this was not before `created_at`; so any number
/// that WeChat gives from now on counts as newer.
pub fn parse(
    text: &str,
    country_code: Option<&str>,
    created_at: Option<NaiveDateTime>,
) -> Result<Phone, &'static str> {
    let country_code = country_code.map(|code| code.strip_prefix('+').unwrap_or(code));
    if country_code.is_some_and(|code| !is_digits(code, COUNTRY_CODE_DIGITS)) {
        return Err("country_code is not 1 to 4 digits");
    }
    let (country_code, pure) = match (text.strip_prefix('+'), country_code) {
        (None, code) => (code.unwrap_or(MAINLAND), text),
        (Some(digits), Some(code)) => {
            (code, digits.strip_prefix(code).ok_or("phone begins with another country_code")?)
        }
        (Some(digits), None) => {
            let pure = digits.strip_prefix(MAINLAND);
            (MAINLAND, pure.ok_or("phone begins with a country code, and country_code is missing")?)
        }
    };
    let is_mainland = country_code == MAINLAND;
    if is_mainland && !(pure.starts_with('1') && is_digits(pure, MAINLAND_DIGITS..=MAINLAND_DIGITS))
    {
        return Err("phone is not 11 digits that begin with 1, and its country is 86");
    }
    if !is_digits(pure, FOREIGN_DIGITS) {
        return Err("phone is not 4 to 15 digits behind its country code");
    }
    Ok(Phone {
        phone_number: match is_mainland {
            true => pure.to_owned(),
            false => format!("+{country_code}{pure}"),
        },
        pure_phone_number: pure.to_owned(),
        country_code: country_code.to_owned(),
        watermark: created_at.map_or(0, |time| time.and_utc().timestamp()),
    })
}

fn is_digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The phones that a file gave so far, so that a second one of a user is noticed. Only hashes are
/// kept: 16 bytes a user, some 40 MB for a million.
#[derive(Default)]
pub struct Phones {
    hasher: RandomState,
    of_openids: HashMap<u64, u32>,
}

impl Phones {
    /// Which of two is the right one, only people can say; the first stays.
    pub fn admit(&mut self, openid: &OpenId, phone: &Phone) -> Result<(), &'static str> {
        let number = self.hasher.hash_one(&phone.phone_number) as u32;
        match self.of_openids.entry(self.hasher.hash_one(openid.as_str())) {
            Entry::Vacant(entry) => {
                entry.insert(number);
                Ok(())
            }
            Entry::Occupied(entry) if *entry.get() == number => Ok(()),
            Entry::Occupied(_) => Err("an earlier row gives this openid another phone"),
        }
    }
}
