//! What a stored session key looks like, and how it is sealed and opened. No I/O.
//!
//! - Under `plain`, the key as WeChat gave it: 24 characters of base64, as in 2019.
//! - Under a secret, `name:base64` of nonce, ciphertext and tag: ChaCha20-Poly1305 with a random
//!   nonce, under a key that HKDF-SHA256 derives from the secret for the entry's name and the row's
//!   openid and fingerprint. So a nonce need not differ but among the few times that one row is
//!   written, and what was sealed for one row, or under one name, opens in no other.

use std::error::Error;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use crate::values::{
    Fingerprint, KeySecret, KeySecrets, OpenId, SealedKey, SessionKey, is_secret_name,
};

/// Between a name and what is sealed under it; in no base64, and in no name.
const COLON: char = ':';
const TAG_LENGTH: usize = 16;
/// What is sealed: nonce, ciphertext and tag.
const SEALED_LENGTH: usize = NONCE_LEN + SessionKey::LENGTH + TAG_LENGTH;
/// Tells these keys from any other that a company might derive from the same secret.
const SALT: &[u8] = b"wxauth session keys";

/// Seals with the first entry of a list of secrets, and opens with all.
pub struct Sealer {
    entries: Vec<Entry>,
    random: SystemRandom,
}

/// The system gave no random bytes for a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomBytes;

/// Why a stored key does not open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// It is sealed under this entry, which the list lacks.
    Unlisted(String),
    /// It is not what was stored for this openid and fingerprint.
    Changed,
}

struct Entry {
    name: String,
    /// `None` is `plain`. *ring* wipes none of its keys, so this one stays until the process's memory
    /// is used again.
    secret: Option<Prk>,
}

impl Sealer {
    pub fn new(secrets: &KeySecrets) -> Self {
        let entries = secrets.entries().iter().map(Entry::new).collect();
        Self { entries, random: SystemRandom::new() }
    }

    /// Fails only where the system gives no random bytes.
    pub fn seal(&self, openid: &OpenId, key: &SessionKey) -> Result<SealedKey, NoRandomBytes> {
        self.seal_once(openid, key).map_err(|Unspecified| NoRandomBytes)
    }

    fn seal_once(&self, openid: &OpenId, key: &SessionKey) -> Result<SealedKey, Unspecified> {
        let writing = self.entries.first().ok_or(Unspecified)?;
        let Some(secret) = &writing.secret else {
            return Ok(SealedKey::new(key.expose_base64().to_string()));
        };
        let row_key = row_key(secret, &writing.name, openid, &key.fingerprint())?;
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce)?;
        let mut body = Zeroizing::new(*key.bytes());
        let nonce_once = Nonce::assume_unique_for_key(nonce);
        let tag =
            row_key.seal_in_place_separate_tag(nonce_once, Aad::empty(), body.as_mut_slice())?;
        let sealed = [&nonce, body.as_slice(), tag.as_ref()].concat();
        Ok(SealedKey::new(format!("{}{COLON}{}", writing.name, BASE64.encode(sealed))))
    }

    pub fn open(
        &self,
        openid: &OpenId,
        fingerprint: &Fingerprint,
        sealed: &SealedKey,
    ) -> Result<SessionKey, Unreadable> {
        let name = entry_name(sealed).ok_or(Unreadable::Changed)?;
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let entry = entry.ok_or_else(|| Unreadable::Unlisted(name.to_owned()))?;
        entry.open(openid, fingerprint, sealed.expose()).ok_or(Unreadable::Changed)
    }

    /// Whether [`Sealer::seal`] would use the same entry.
    pub fn is_current(&self, sealed: &SealedKey) -> bool {
        entry_name(sealed).is_some_and(|name| name == self.writing())
    }

    /// The name of the entry that writes.
    pub fn writing(&self) -> &str {
        self.names().next().unwrap_or_default()
    }

    /// The names of all entries, the first one being that which writes.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }
}

/// The entry that a stored key names; `None` where it is none that there can be.
pub fn entry_name(sealed: &SealedKey) -> Option<&str> {
    match sealed.expose().split_once(COLON) {
        None => Some(KeySecret::Plain.name()),
        Some((name, _)) => Some(name).filter(|name| is_secret_name(name)),
    }
}

impl fmt::Display for NoRandomBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the system gave no random bytes to seal a key with")
    }
}

impl Error for NoRandomBytes {}

impl Entry {
    fn new(secret: &KeySecret) -> Self {
        let extract = |bytes: &[u8; KeySecret::LENGTH]| Salt::new(HKDF_SHA256, SALT).extract(bytes);
        Self { name: secret.name().to_owned(), secret: secret.bytes().map(extract) }
    }

    fn open(&self, openid: &OpenId, fingerprint: &Fingerprint, stored: &str) -> Option<SessionKey> {
        let Some(secret) = &self.secret else {
            // Nothing else ties a plain key to its row.
            return SessionKey::parse(stored).filter(|key| key.fingerprint() == *fingerprint);
        };
        let (_, base64) = stored.split_once(COLON)?;
        // Base64 is decoded in threes, so there must be room for one byte more.
        let mut decoded = Zeroizing::new([0; SEALED_LENGTH + 1]);
        let length = BASE64.decode_slice(base64, decoded.as_mut_slice()).ok()?;
        let (nonce, body) = decoded.get_mut(..length)?.split_first_chunk_mut::<NONCE_LEN>()?;
        let row_key = row_key(secret, &self.name, openid, fingerprint).ok()?;
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let key = row_key.open_in_place(nonce, Aad::empty(), body).ok()?;
        SessionKey::from_bytes(key)
    }
}

/// None of the parts can hold a colon, so no two rows and names give the same text.
fn row_key(
    secret: &Prk,
    name: &str,
    openid: &OpenId,
    fingerprint: &Fingerprint,
) -> Result<LessSafeKey, Unspecified> {
    let parts = [name, ":", openid.as_str(), ":", &fingerprint.0].map(str::as_bytes);
    let key = UnboundKey::from(secret.expand(&parts, &CHACHA20_POLY1305)?);
    Ok(LessSafeKey::new(key))
}
