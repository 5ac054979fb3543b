//! What only commands ask: on one connection of their own, beside the server's.

mod direct;
mod examine;
mod import;
mod inspect;
mod people;
mod rights;
mod seals;
mod server;
mod statistics;
mod tables;

pub use self::direct::Direct;
pub use self::examine::{ConnectFailure, Settings};
pub use self::import::{ImportedBatch, ImportedRow};
pub use self::inspect::{KeyFilter, KeyState, StoredKey};
pub use self::people::{Erased, StoredUser};
pub use self::rights::Rights;
pub use self::seals::KeyWalk;
pub use self::server::{GaleraNode, GroupMember, ServerFacts};
pub use self::statistics::{DayOfUsers, Decryptions, HourOfKeys, KeysPerUser};
pub use self::tables::Oddity;
