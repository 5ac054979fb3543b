//! The kinds of data that no key opens.

use std::time::{SystemTime, UNIX_EPOCH};

use aes::Aes128;
use aes::cipher::{BlockDecrypt as _, NewBlockCipher as _};
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Serialize;
use wxauth_sandbox::{EncryptedData, encrypt};

const BLOCK: usize = 16;
/// As long as a mainland number's.
const RANDOM_BYTES: usize = 160;
/// Beyond PHONE_DATA_MAX_AGE_SECONDS, which is a day.
const TOO_OLD_SECONDS: u64 = 2 * 86_400;
const OTHER_APPID: &str = "wx00000000000000ff";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A key of another login, under which the padding is wrong, as it is 255 times out of 256.
    WrongKey,
    /// The right key and padding around something else.
    NotJson,
    /// The right key around what `getUserInfo` gives.
    NotAPhone,
    OtherApp,
    TooOld,
    RandomBytes,
    /// As the first, of somebody whose key is stored as it is.
    PlainKey,
    /// As the first, of somebody whose stored key no secret opens.
    UnreadableKey,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::WrongKey,
        Self::NotJson,
        Self::NotAPhone,
        Self::OtherApp,
        Self::TooOld,
        Self::RandomBytes,
        Self::PlainKey,
        Self::UnreadableKey,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::WrongKey => "wrong key, bad padding",
            Self::NotJson => "good padding, not JSON",
            Self::NotAPhone => "user info, no phone",
            Self::OtherApp => "of another app",
            Self::TooOld => "too old",
            Self::RandomBytes => "random bytes",
            Self::PlainKey => "wrong key beside a plain one",
            Self::UnreadableKey => "a key that does not open",
        }
    }

    /// Data of this kind for somebody with this session_key (base64).
    pub fn data(self, session_key: &str, appid: &str) -> Result<EncryptedData> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let under_their_key = |plaintext: &str| encrypt(session_key, plaintext.as_bytes());
        Ok(match self {
            Self::WrongKey | Self::PlainKey | Self::UnreadableKey => {
                return wrong_key(session_key, &phone(now, appid));
            }
            Self::NotJson => under_their_key(&"neither a number nor JSON ".repeat(6)),
            Self::NotAPhone => under_their_key(&user_info(now, appid)),
            Self::OtherApp => under_their_key(&phone(now, OTHER_APPID)),
            Self::TooOld => under_their_key(&phone(now - TOO_OLD_SECONDS, appid)),
            Self::RandomBytes => EncryptedData {
                encrypted_data: BASE64.encode(random_bytes::<RANDOM_BYTES>()),
                iv: BASE64.encode(random_bytes::<BLOCK>()),
            },
        })
    }
}

fn wrong_key(session_key: &str, plaintext: &str) -> Result<EncryptedData> {
    loop {
        let foreign_key = BASE64.encode(random_bytes::<BLOCK>());
        let data = encrypt(&foreign_key, plaintext.as_bytes());
        if !passes_padding(session_key, &data)? {
            return Ok(data);
        }
    }
}

/// Of CBC, the last block of plaintext needs the last two of ciphertext.
fn passes_padding(session_key: &str, data: &EncryptedData) -> Result<bool> {
    let key: [u8; BLOCK] = BASE64.decode(session_key)?.try_into().ok().context("16 bytes")?;
    let ciphertext = BASE64.decode(&data.encrypted_data)?;
    let (rest, last) = ciphertext.split_last_chunk::<BLOCK>().context("a block")?;
    let (_, previous) = rest.split_last_chunk::<BLOCK>().context("two blocks")?;
    let mut block = *last;
    Aes128::new(&key.into()).decrypt_block((&mut block).into());
    let plaintext: Vec<u8> = block.iter().zip(previous).map(|(a, b)| a ^ b).collect();
    let padding = plaintext.last().copied().unwrap_or_default();
    let count = usize::from(padding);
    let is_all_padding = || plaintext.iter().rev().take(count).all(|byte| *byte == padding);
    Ok((1..=BLOCK).contains(&count) && is_all_padding())
}

/// As WeChat writes it, for this time and app.
fn phone(timestamp: u64, appid: &str) -> String {
    format!(
        r#"{{"phoneNumber":"13500000000","purePhoneNumber":"13500000000","countryCode":"86","watermark":{{"timestamp":{timestamp},"appid":"{appid}"}}}}"#
    )
}

fn user_info(timestamp: u64, appid: &str) -> String {
    format!(
        r#"{{"openId":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","watermark":{{"timestamp":{timestamp},"appid":"{appid}"}}}}"#
    )
}

fn random_bytes<const COUNT: usize>() -> [u8; COUNT] {
    let mut bytes = [0; COUNT];
    fastrand::fill(&mut bytes);
    bytes
}
