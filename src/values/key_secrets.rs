//! The secrets that stored session keys are sealed with, as `SESSION_KEY_SECRETS` lists them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use zeroize::Zeroizing;

/// The word for keys that are stored as WeChat gave them.
const PLAIN: &str = "plain";
/// So that a sealed key fits its column with room to spare.
const MAX_NAME_LENGTH: usize = 32;
/// A change needs two, and one that went wrong a few more.
const MAX_ENTRIES: usize = 16;

/// The list: the first entry writes, all entries read. It has one entry at least, and no two of the
/// same name or secret.
#[derive(Debug, Clone)]
pub struct KeySecrets(Vec<KeySecret>);

/// One entry of the list. Its `Debug` shows the name only.
#[derive(Clone)]
pub enum KeySecret {
    /// Seals nothing: keys are stored as they are.
    Plain,
    Named {
        name: String,
        bytes: Zeroizing<[u8; KeySecret::LENGTH]>,
    },
}

impl KeySecrets {
    /// What the variable must look like, for people.
    pub const MUST_BE: &str = "a list with commas between its entries, each the word plain or \
                               name:base64 of 32 bytes as `wxauth secret` makes it";

    /// From the variable's text. An `Err` is what is wrong with which entry, and shows none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut entries: Vec<KeySecret> = Vec::new();
        for (index, entry) in text.split(',').enumerate() {
            let wrong = |what| format!("its entry {} {what}", index + 1);
            let entry = KeySecret::parse(entry.trim()).map_err(wrong)?;
            if entries.iter().any(|other| other.name() == entry.name()) {
                return Err(wrong("has the name of another one"));
            }
            if entries.iter().any(|other| other.bytes() == entry.bytes()) {
                return Err(wrong("has the secret of another one"));
            }
            entries.push(entry);
        }
        match entries.len() {
            ..=MAX_ENTRIES => Ok(Self(entries)),
            _ => Err(format!("it has more than {MAX_ENTRIES} entries")),
        }
    }

    /// The first one writes.
    pub fn entries(&self) -> &[KeySecret] {
        &self.0
    }
}

impl Default for KeySecrets {
    /// As where the variable is not set.
    fn default() -> Self {
        Self(vec![KeySecret::Plain])
    }
}

impl KeySecret {
    pub const LENGTH: usize = 32;

    pub fn name(&self) -> &str {
        match self {
            Self::Plain => PLAIN,
            Self::Named { name, .. } => name,
        }
    }

    pub fn bytes(&self) -> Option<&[u8; Self::LENGTH]> {
        match self {
            Self::Plain => None,
            Self::Named { bytes, .. } => Some(bytes),
        }
    }

    fn parse(entry: &str) -> Result<Self, &'static str> {
        if entry == PLAIN {
            return Ok(Self::Plain);
        }
        let (name, base64) =
            entry.split_once(':').ok_or("is neither plain nor has a colon behind its name")?;
        if !is_secret_name(name) {
            return Err("has a name that is not 1 to 32 of A-Z, a-z, 0-9, _ and -, or is plain");
        }
        // A secret that is too long must not be cut off, so there is room for one byte more.
        let mut decoded = Zeroizing::new([0; Self::LENGTH + 1]);
        match BASE64.decode_slice(base64, decoded.as_mut_slice()) {
            Err(base64::DecodeSliceError::DecodeError(_)) => Err("is not base64 behind its name"),
            Ok(Self::LENGTH) => {
                let mut bytes = Zeroizing::new([0; Self::LENGTH]);
                bytes.copy_from_slice(decoded.split_last().map_or(&[], |(_, bytes)| bytes));
                Ok(Self::Named { name: name.to_owned(), bytes })
            }
            _ => Err("has a secret that is not 32 bytes long"),
        }
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySecret({})", self.name())
    }
}

/// Whether a secret may have this name: 1 to 32 of `[A-Za-z0-9_-]`, and not the word `plain`.
pub fn is_secret_name(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    (1..=MAX_NAME_LENGTH).contains(&name.len()) && name.bytes().all(is_allowed) && name != PLAIN
}
