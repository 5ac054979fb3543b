//! Who a user is: within one mini-program, and across the apps of one company.

use std::fmt;
use std::sync::Arc;

/// A user's id within one mini-program: 1 to 64 of `[A-Za-z0-9_-]`.
///
/// WeChat promises nothing about its form, so it is opaque beyond that. Its `Debug` shows a
/// shortened form, the only one that may reach a log. Clones share it, as it goes everywhere.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OpenId(Arc<str>);

impl OpenId {
    const MAX_LENGTH: usize = 64;
    /// Characters at either end.
    const SHOWN_LENGTH: usize = 6;

    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        (fits && text.bytes().all(is_allowed)).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its start and its end, as all openids of one app begin alike: enough to find a user with the
    /// database beside the log, too little to call the API with.
    pub fn shortened(&self) -> String {
        let shown = (self.0.len() / 4).min(Self::SHOWN_LENGTH);
        let (start, rest) = self.0.split_at_checked(shown).unwrap_or_default();
        let (_, end) = rest.split_at_checked(rest.len() - shown).unwrap_or_default();
        format!("{start}…{end}")
    }
}

impl fmt::Debug for OpenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenId({})", self.shortened())
    }
}

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
