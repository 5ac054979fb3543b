//! The plaintext of an encrypted phone number, field by field as WeChat writes it.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use crate::user;

/// What to encrypt instead of the user's own number. A field left at its default
/// gets what a mainland user's phone would send.
#[derive(Clone, Debug, Default)]
pub struct PhoneOptions {
    pub phone_number: Option<String>,
    /// By default `phone_number` without a leading `+` and country code.
    pub pure_phone_number: Option<String>,
    /// By default `86`.
    pub country_code: Option<String>,
    /// The watermark's time in seconds since 1970; by default now.
    pub timestamp: Option<i64>,
    /// The watermark's appid; by default the sandbox's.
    pub appid: Option<String>,
    /// Writes the country code as a number, if it is one.
    pub numeric_country_code: bool,
    /// Writes the watermark's time as a string.
    pub string_timestamp: bool,
    /// Encrypts these bytes, and none of the above.
    pub plaintext: Option<Vec<u8>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Phone<'a> {
    phone_number: &'a str,
    pure_phone_number: &'a str,
    country_code: Value,
    watermark: Watermark<'a>,
}

#[derive(Serialize)]
struct Watermark<'a> {
    timestamp: Value,
    appid: &'a str,
}

impl PhoneOptions {
    pub(crate) fn plaintext(&self, user: &str, appid: &str) -> Vec<u8> {
        if let Some(plaintext) = &self.plaintext {
            return plaintext.clone();
        }
        let phone_number = self.phone_number.clone().unwrap_or_else(|| user::phone_number(user));
        let country_code = self.country_code.as_deref().unwrap_or("86");
        let phone = Phone {
            phone_number: &phone_number,
            pure_phone_number: self.pure_phone_number.as_deref().unwrap_or_else(|| {
                phone_number
                    .strip_prefix('+')
                    .and_then(|number| number.strip_prefix(country_code))
                    .unwrap_or(&phone_number)
            }),
            country_code: self.country_code_value(country_code),
            watermark: Watermark {
                timestamp: self.timestamp_value(),
                appid: self.appid.as_deref().unwrap_or(appid),
            },
        };
        serde_json::to_vec(&phone).expect("strings and numbers are always JSON")
    }

    fn country_code_value(&self, country_code: &str) -> Value {
        match country_code.parse::<u64>() {
            Ok(number) if self.numeric_country_code => number.into(),
            _ => country_code.into(),
        }
    }

    fn timestamp_value(&self) -> Value {
        let timestamp = self.timestamp.unwrap_or_else(seconds_since_1970);
        if self.string_timestamp {
            return timestamp.to_string().into();
        }
        timestamp.into()
    }
}

fn seconds_since_1970() -> i64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs() as i64)
}
