//! Values that are valid once they exist: nothing behind the door checks them again.

mod code;
mod decryption;
mod key_secrets;
mod openid;
mod phone;
mod secret;
mod session_key;
pub mod utc;

pub use self::code::{CodeHash, LoginCode};
pub use self::decryption::{AGE_BOUNDS_SECONDS, OpenedBy};
pub use self::key_secrets::{KeySecret, KeySecrets, is_secret_name};
pub use self::openid::{OpenId, UnionId};
pub use self::phone::Phone;
pub use self::secret::Secret;
pub use self::session_key::{Fingerprint, SealedKey, SessionKey};
