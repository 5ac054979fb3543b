//! The database's connections: who owns one, and what is run on it.

pub(super) mod classify;
pub(super) mod connections;
pub(super) mod lane;
pub(super) mod links;
pub(super) mod patience;
pub(super) mod pauses;
pub(super) mod turns;

pub use self::patience::with_one_patience;
