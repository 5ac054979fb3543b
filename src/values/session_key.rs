//! The key that WeChat shares with a phone, and its name.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256};

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
