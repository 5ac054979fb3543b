//! What `wx.login` gives a page, and what may be kept of it.

use std::fmt;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What `wx.login` gave the page: 1 to 128 printable ASCII characters, opaque, passed on as it is.
///
/// Works once and for five minutes (WeChat's documentation). Secret as long as it lives.
#[derive(Clone)]
pub struct LoginCode(Zeroizing<String>);

impl LoginCode {
    const MAX_LENGTH: usize = 128;

    /// Of the code that the new phone component gives with its event (WeChat's documentation); a
    /// login's are shorter in practice.
    const PHONE_CODE_LENGTH: usize = 64;

    pub fn parse(code: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&code.len());
        let is_printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        (fits && code.bytes().all(is_printable)).then(|| Self(Zeroizing::new(code.to_owned())))
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it looks like the code of the phone component, which pages mix up with a login's.
    pub fn is_like_a_phone_code(&self) -> bool {
        self.0.len() == Self::PHONE_CODE_LENGTH
            && self.0.bytes().all(|byte| byte.is_ascii_hexdigit())
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
