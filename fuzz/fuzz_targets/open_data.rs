//! Open data: whatever is inside, what opens is a phone of this app and of this day, and no other
//! than the one that a plain reader of JSON finds.
//!
//! Input: the plaintext, which is encrypted here; it is also taken for ciphertext.

#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "a target that finds something panics")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use wxauth::phone::open_data::{EncryptedData, Expected, Unopened, open};
use wxauth::values::{Phone, SessionKey};
use wxauth_sandbox::encrypt_with_iv;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODw==";
const IV: &str = "EBESExQVFhcYGRobHB0eHw==";
const APPID: &str = "wx0000000000000001";
const NOW: i64 = 1_700_000_000;
const MAX_AGE: i64 = 86_400;
const MAX_AHEAD: i64 = 300;

fuzz_target!(|input: &[u8]| {
    // What was not encrypted here is nobody's phone.
    if let Ok(data) = EncryptedData::parse(&BASE64.encode(input), IV) {
        assert!(open_with_the_key(&data).is_err());
    }
    let Some(opened) = open_encrypted(input) else {
        return;
    };
    if let Ok(phone) = opened {
        assert_is_a_phone(&phone);
        // Half an emoji, in a field that nobody reads, is too much for it.
        let Ok(said) = serde_json::from_slice::<Value>(input) else {
            return;
        };
        let plain = json!({
            "phoneNumber": phone.phone_number,
            "purePhoneNumber": phone.pure_phone_number,
            "countryCode": phone.country_code,
            "watermark": {"timestamp": phone.watermark, "appid": APPID},
        });
        for name in ["phoneNumber", "purePhoneNumber", "countryCode"] {
            assert_eq!(text(said.get(name)), text(plain.get(name)), "{name}");
        }
        let watermark = said.get("watermark").expect("it was read");
        assert_eq!(watermark.get("appid").and_then(Value::as_str), Some(APPID));
        let timestamp = text(watermark.get("timestamp")).and_then(|text| text.parse().ok());
        assert_eq!(timestamp, Some(phone.watermark));
        let again = open_encrypted(plain.to_string().as_bytes());
        assert!(again.is_some_and(|again| again.is_ok_and(|again| again == phone)));
    }
});

fn open_with_the_key(data: &EncryptedData) -> Result<Phone, Unopened> {
    let key = SessionKey::parse(KEY).expect("a key");
    open(data, &key, Expected { appid: APPID, now: NOW, max_age_seconds: MAX_AGE })
}

/// `None` where it is longer than data may be.
fn open_encrypted(plaintext: &[u8]) -> Option<Result<Phone, Unopened>> {
    let sent = encrypt_with_iv(KEY, IV, plaintext);
    let data = EncryptedData::parse(&sent.encrypted_data, &sent.iv).ok()?;
    let opened = open_with_the_key(&data);
    assert!(opened != Err(Unopened::Padding) && opened != Err(Unopened::Unreadable));
    assert_eq!(opened == Err(Unopened::Utf8), str::from_utf8(plaintext).is_err());
    Some(opened)
}

fn assert_is_a_phone(phone: &Phone) {
    let Phone { phone_number, pure_phone_number, country_code, watermark } = phone;
    let digits = phone_number.strip_prefix('+').unwrap_or(phone_number);
    for digits in [digits, pure_phone_number, country_code] {
        assert!(!digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()));
    }
    assert!(phone_number.len() <= 32 && country_code.len() <= 8);
    assert!(phone_number.ends_with(pure_phone_number.as_str()));
    assert!((NOW - MAX_AGE..=NOW + MAX_AHEAD).contains(watermark));
}

/// A text, or a number that is written as one.
fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
