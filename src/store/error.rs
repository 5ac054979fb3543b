//! What a caller of the store is told when it fails.

use std::fmt;

/// What a caller of the store is told. The text is the cause, for the log.
#[derive(Debug, Clone)]
pub enum StoreError {
    /// The database does not answer, or refuses to work for now.
    Unavailable(String),
    /// What `DATABASE_URL` asks for cannot be had.
    Misconfigured(String),
    /// Too many requests wait for the database.
    Busy,
    /// A statement that should not fail did.
    Bug(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(cause) | Self::Misconfigured(cause) | Self::Bug(cause) => {
                f.write_str(cause)
            }
            Self::Busy => f.write_str("too many requests wait for the database"),
        }
    }
}

impl std::error::Error for StoreError {}

pub(super) type Result<T> = std::result::Result<T, StoreError>;
