//! WeChat's values, valid once they exist: nothing behind the door checks them again.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

/// A user's id within one mini-program: 1 to 64 of `[A-Za-z0-9_-]`.
///
/// WeChat promises nothing about its form, so it is opaque beyond that. Its `Debug` shows a
/// shortened form, the only one that may reach a log. Clones share it, as it goes everywhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OpenId(Arc<str>);

impl OpenId {
    const MAX_LENGTH: usize = 64;
    const SHOWN_LENGTH: usize = 6;

    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (fits && text.bytes().all(is_allowed)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough to find a user with the database beside the log, too little to call the API with.
    pub fn shortened(&self) -> String {
        let shown = self.0.len().min(Self::SHOWN_LENGTH * 2) / 2;
        self.0.chars().take(shown).chain(['…']).collect()
    }
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenId({})", self.shortened())
    }
}

/// What `wx.login` gave the page: 1 to 128 printable ASCII characters, opaque, passed on as it is.
///
/// Works once and for five minutes (WeChat's documentation). Secret as long as it lives.
#[derive(Clone)]
pub struct LoginCode(String);

impl LoginCode {
    const MAX_LENGTH: usize = 128;

    /// Spaces and quotes around the code are not part of it: some pages send them.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'');
        let fits = (1..=Self::MAX_LENGTH).contains(&code.len());
        let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        (fits && code.bytes().all(is_printable)).then(|| Self(code.to_owned()))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub fn hash(&self) -> CodeHash {
        CodeHash(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginCode(…)")
    }
}

/// SHA-256 of a [`LoginCode`]: what may be kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CodeHash(pub [u8; 32]);

/// The AES-128 key that WeChat shares with a user's phone for a while. Never leaves the server.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey([u8; SessionKey::LENGTH]);

impl SessionKey {
    pub const LENGTH: usize = 16;

    /// From WeChat's form: 24 characters of standard base64.
    pub fn parse(base64: &str) -> Option<Self> {
        let bytes = BASE64.decode(base64).ok()?;
        bytes.try_into().ok().map(Self)
    }

    pub fn bytes(&self) -> &[u8; SessionKey::LENGTH] {
        &self.0
    }

    pub fn expose_base64(&self) -> String {
        BASE64.encode(self.0)
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::digest(self.0);
        Fingerprint(digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect())
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(…)")
    }
}

/// Names a [`SessionKey`] without telling it: the first 16 hex digits of SHA-256 of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub String);

/// A user's id across all apps of one Open Platform account: 1 to 64 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnionId(String);

impl UnionId {
    const MAX_LENGTH: usize = 64;

    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A user's phone number as WeChat gave it. Secret, so its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone {
    /// Digits; a foreign number starts with a plus and its area code.
    pub phone_number: String,
    /// Digits, without the area code: how `phone_number` ends.
    pub pure_phone_number: String,
    /// Digits.
    pub country_code: String,
    /// When WeChat made the data, seconds since 1970.
    pub watermark: i64,
}

impl Phone {
    /// Whether the number is the same, whenever it was authorised.
    pub fn is_same_number(&self, other: &Self) -> bool {
        self.phone_number == other.phone_number
            && self.pure_phone_number == other.pure_phone_number
            && self.country_code == other.country_code
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}
