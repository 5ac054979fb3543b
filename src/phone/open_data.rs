//! The encrypted phone number: AES, shape and watermark. Pure functions, no I/O.

use std::hash::{Hash, Hasher};

use aes::Aes128;
use block_modes::block_padding::Pkcs7;
use block_modes::{BlockMode as _, Cbc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::repair::{self, Repairs};
use crate::values::{Phone, SessionKey};

const BLOCK: usize = 16;
/// Base64 characters of encryptedData. WeChat's own are 216 for a mainland number.
const MAX_ENCRYPTED_DATA_LENGTH: usize = 8 * 1024;
/// How far ahead of ours WeChat's clock may be.
const MAX_FUTURE_SECONDS: i64 = 5 * 60;
/// What the columns hold; the longest real numbers have 15 digits and a plus.
const MAX_PHONE_LENGTH: usize = 32;
const MAX_COUNTRY_CODE_LENGTH: usize = 8;

/// encryptedData and iv as a page posts them, decoded: a positive multiple of 16 bytes, and 16.
#[derive(Clone)]
pub struct EncryptedData {
    ciphertext: Vec<u8>,
    iv: [u8; BLOCK],
    repairs: Repairs,
}

/// The data itself, however it was damaged on its way.
impl Hash for EncryptedData {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.ciphertext, &self.iv).hash(state);
    }
}

/// Which of the two fields is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Undecodable {
    EncryptedData,
    Iv,
}

impl EncryptedData {
    /// Damage that transport did to either field is mended first.
    pub fn parse(encrypted_data: &str, iv: &str) -> Result<Self, Undecodable> {
        let is_blocks = |length: usize| length > 0 && length.is_multiple_of(BLOCK);
        let (ciphertext, data_repairs) = (encrypted_data.len() <= MAX_ENCRYPTED_DATA_LENGTH)
            .then(|| repair::decode(encrypted_data, is_blocks))
            .flatten()
            .ok_or(Undecodable::EncryptedData)?;
        let (iv, iv_repairs) =
            repair::decode(iv, |length| length == BLOCK).ok_or(Undecodable::Iv)?;
        let iv = iv.try_into().map_err(|_| Undecodable::Iv)?;
        Ok(Self { ciphertext, iv, repairs: data_repairs.and(iv_repairs) })
    }

    /// What was mended in either field.
    pub fn repairs(&self) -> Repairs {
        self.repairs
    }
}

/// What data must carry to be believed.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    pub appid: &'a str,
    /// Seconds since 1970.
    pub now: i64,
    pub max_age_seconds: i64,
}

/// Where opening failed, in the order of the steps: for the log, never for a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unopened {
    /// There is no key to try, as the stored one does not open.
    Unreadable,
    Padding,
    Utf8,
    Json,
    NotAPhone,
    OtherApp,
    TooOld,
    FromTheFuture,
}

impl Unopened {
    pub fn cause(self) -> &'static str {
        match self {
            Self::Unreadable => "no stored key can be read: see SESSION_KEY_SECRETS",
            Self::Padding => "no key opens the data (padding)",
            Self::Utf8 => "no key opens the data (not UTF-8)",
            Self::Json => "no key opens the data (not JSON)",
            Self::NotAPhone => "the data is not a phone number",
            Self::OtherApp => "the data belongs to another app than WX_APPID",
            Self::TooOld => "the data is older than PHONE_DATA_MAX_AGE_SECONDS",
            Self::FromTheFuture => "the data is from the future: check this machine's clock",
        }
    }
}

/// Opens data with one key, AES-128-CBC with PKCS#7, and checks everything that it must be.
///
/// A wrong key passes the padding about once in 256 tries, and CBC has no MAC, so the shape and
/// the watermark belong to the test of a key. Source: WeChat's documentation of open data.
pub fn open(
    data: &EncryptedData,
    key: &SessionKey,
    expected: Expected<'_>,
) -> Result<Phone, Unopened> {
    let plaintext = decrypt(data, key).ok_or(Unopened::Padding)?;
    let text = str::from_utf8(&plaintext).map_err(|_| Unopened::Utf8)?;
    let plain: PlainPhone<'_> = read_object(text)?;
    let (phone, appid) = plain.into_phone_and_appid().ok_or(Unopened::NotAPhone)?;
    if appid != expected.appid {
        return Err(Unopened::OtherApp);
    }
    if phone.watermark > expected.now.saturating_add(MAX_FUTURE_SECONDS) {
        return Err(Unopened::FromTheFuture);
    }
    if phone.watermark < expected.now.saturating_sub(expected.max_age_seconds) {
        return Err(Unopened::TooOld);
    }
    Ok(phone)
}

/// `None` where the padding is not 1 to 16 bytes of their own count.
fn decrypt(data: &EncryptedData, key: &SessionKey) -> Option<Vec<u8>> {
    let cipher = Cbc::<Aes128, Pkcs7>::new_from_slices(key.bytes(), &data.iv).ok()?;
    let plaintext = cipher.decrypt_vec(&data.ciphertext).ok()?;
    // block-padding takes any count up to the whole length; PKCS#7 ends at one block.
    let padding = data.ciphertext.len() - plaintext.len();
    (1..=BLOCK).contains(&padding).then_some(plaintext)
}

/// For serde, an array of the values in their order would do as well.
fn read_object<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unopened> {
    let value = serde_json::from_str(text).map_err(|error| match error.is_data() {
        true => Unopened::NotAPhone,
        false => Unopened::Json,
    })?;
    let is_object = text.trim_ascii_start().starts_with('{');
    if is_object { Ok(value) } else { Err(Unopened::NotAPhone) }
}

/// The documented plaintext; fields that are not known are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlainPhone<'a> {
    phone_number: String,
    pure_phone_number: String,
    country_code: TextOrNumber,
    /// A [`Watermark`].
    #[serde(borrow)]
    watermark: &'a RawValue,
}

#[derive(Deserialize)]
struct Watermark {
    timestamp: TextOrNumber,
    appid: String,
}

/// WeChat has sent both forms.
#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(u64),
}

impl PlainPhone<'_> {
    fn into_phone_and_appid(self) -> Option<(Phone, String)> {
        let country_code = self.country_code.into_text();
        let is_phone = is_digits(&self.pure_phone_number, MAX_PHONE_LENGTH)
            && is_digits(
                self.phone_number.strip_prefix('+').unwrap_or(&self.phone_number),
                MAX_PHONE_LENGTH - 1,
            )
            && self.phone_number.ends_with(&self.pure_phone_number)
            && is_digits(&country_code, MAX_COUNTRY_CODE_LENGTH);
        let Watermark { timestamp, appid } = read_object(self.watermark.get()).ok()?;
        let watermark = timestamp.into_text();
        let watermark = is_digits(&watermark, 18).then(|| watermark.parse().ok()).flatten()?;
        let phone = Phone {
            phone_number: self.phone_number,
            pure_phone_number: self.pure_phone_number,
            country_code,
            watermark,
        };
        is_phone.then_some((phone, appid))
    }
}

impl TextOrNumber {
    fn into_text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => number.to_string(),
        }
    }
}

fn is_digits(text: &str, max_length: usize) -> bool {
    (1..=max_length).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
