//! The key that WeChat shares with a phone, its name, and what its row holds.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The AES-128 key that WeChat shares with a user's phone for a while. Never leaves the server, and
/// its memory is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionKey(Zeroizing<[u8; SessionKey::LENGTH]>);

impl SessionKey {
    pub const LENGTH: usize = 16;

    /// From WeChat's form: 24 characters of standard base64.
    pub fn parse(base64: &str) -> Option<Self> {
        // Base64 is decoded in threes, so there must be room for two bytes more.
        let mut decoded = Zeroizing::new([0; Self::LENGTH + 2]);
        let length = BASE64.decode_slice(base64, decoded.as_mut_slice()).ok()?;
        Self::from_bytes(decoded.get(..length)?)
    }

    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    pub fn bytes(&self) -> &[u8; SessionKey::LENGTH] {
        &self.0
    }

    pub fn expose_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(self.0.as_slice()))
    }

    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::digest(self.0.as_slice());
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

/// A [`SessionKey`] as its row holds it. Only `sealing` knows what it looks like, and that it may be
/// the key itself: so it is not shown, and is wiped when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedKey(Zeroizing<String>);

impl SealedKey {
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the column.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SealedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedKey(…)")
    }
}
