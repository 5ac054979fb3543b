//! diesel: one file a table. Knows no HTTP and no WeChat.
//!
//! Every statement works on MySQL 5.6 and at REPEATABLE READ, which each connection sets; every write
//! can be run again after any error. [`connection`] says who owns a connection, [`admin`] holds what
//! only commands ask.

mod admin;
mod codes;
mod connection;
mod error;
mod handle;
mod key_ages;
mod logins;
mod migrations;
mod orphans;
mod phones;
mod retention;
mod rings;
mod sessions;
mod sql;
mod transaction;
mod upsert;
mod users;

pub use self::admin::{
    ConnectFailure, DayOfUsers, Decryptions, Direct, Erased, GaleraNode, GroupMember, HourOfKeys,
    ImportedBatch, ImportedRow, KeyFilter, KeyState, KeyWalk, KeysPerUser, Oddity, Rights,
    ServerFacts, Settings, StoredKey, StoredUser,
};
pub use self::connection::{Budget, Encryption};
pub use self::error::StoreError;
pub use self::handle::Store;
pub use self::key_ages::{KeyAge, KeyOutcome};
pub use self::migrations::{MigrationState, MigrationStatus, SchemaState, migrate};
pub use self::rings::{KeyRing, RingKey};
pub use self::sessions::{KeyId, Login, PurgedBatch, StoredLogin};
pub use self::users::User;
