//! Sorts the database's errors by what helps against them.

use std::fmt;

use diesel::ConnectionError;
use diesel::result::{DatabaseErrorKind, Error};

use crate::store::error::StoreError;

/// What helps against an error.
#[derive(Debug)]
pub(in crate::store) enum Trouble {
    /// A deadlock or a cluster's certification conflict: running it again.
    Conflict(String),
    /// The connection is gone: running it again on another one.
    Lost(String),
    /// Time, or the operator.
    Unavailable(String),
    /// A programmer.
    Bug(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Conflict(cause)
        | Self::Lost(cause)
        | Self::Unavailable(cause)
        | Self::Bug(cause)) = self;
        f.write_str(cause)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Conflict(cause) | Trouble::Lost(cause) | Trouble::Unavailable(cause) => {
                Self::Unavailable(cause)
            }
            Trouble::Bug(cause) => Self::Bug(cause),
        }
    }
}

/// Parts of messages, in lower case: MySQL's, MariaDB's and their client's, as diesel tells no
/// error numbers.
const CONFLICT: &[&str] = &[
    "deadlock",
    "lock wait timeout",
    "try restarting transaction",
    "wsrep",
    // Somebody killed the statement; each can be run again.
    "execution was interrupted",
];
const LOST: &[&str] =
    &["gone away", "lost connection", "connection was killed", "packets out of order"];
const UNAVAILABLE: &[&str] = &[
    "can't connect",
    "too many connections",
    "shutdown in progress",
    "being shut down",
    "read-only",
    "read only",
    "is full",
    "no space",
    "disk full",
    "access denied",
    "command denied",
    "unknown database",
];

/// Commits and plain statements report the same trouble under different kinds, so the text decides
/// where the kind does not.
pub(in crate::store) fn classify(error: &Error) -> Trouble {
    match error {
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, information) => {
            Trouble::Conflict(information.message().to_owned())
        }
        Error::DatabaseError(DatabaseErrorKind::ClosedConnection, information) => {
            Trouble::Lost(information.message().to_owned())
        }
        Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, information) => {
            Trouble::Unavailable(information.message().to_owned())
        }
        Error::DatabaseError(kind, information) => by_message(kind, information.message()),
        Error::RollbackErrorOnCommit { commit_error, .. } => classify(commit_error),
        // Only what was written a moment ago is read without `optional()`: a purge, a revocation or
        // an erasure took it, and the whole is done anew.
        Error::NotFound => Trouble::Conflict("a row that was just written is gone".to_owned()),
        Error::BrokenTransactionManager => Trouble::Lost("a transaction was cut off".to_owned()),
        other => Trouble::Bug(other.to_string()),
    }
}

fn by_message(kind: &DatabaseErrorKind, message: &str) -> Trouble {
    let lower = message.to_lowercase();
    if says(&lower, CONFLICT) {
        Trouble::Conflict(message.to_owned())
    } else if says(&lower, LOST) {
        Trouble::Lost(message.to_owned())
    } else if says(&lower, UNAVAILABLE) {
        Trouble::Unavailable(message.to_owned())
    } else {
        Trouble::Bug(format!("{kind:?}: {}", without_quoted(message)))
    }
}

fn says(lower: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| lower.contains(part))
}

/// A connection can be killed before it is made; another attempt helps then.
pub(in crate::store) fn classify_connecting(error: &ConnectionError) -> Trouble {
    let message = error.to_string();
    match says(&message.to_lowercase(), LOST) {
        true => Trouble::Lost(message),
        false => unavailable(&message),
    }
}

pub(in crate::store) fn unavailable(cause: &str) -> Trouble {
    Trouble::Unavailable(format!("no connection to the database: {cause}"))
}

/// MySQL quotes the values that it refuses, and a value may be a key or a phone number.
fn without_quoted(message: &str) -> String {
    let outside = message.split('\'').step_by(2);
    outside.collect::<Vec<_>>().join("'…'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(message: &str) -> Error {
        Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(message.to_owned()))
    }

    #[test]
    fn a_conflict_is_one_whether_a_statement_or_a_commit_reports_it() {
        let statement = Error::DatabaseError(
            DatabaseErrorKind::SerializationFailure,
            Box::new("Deadlock found".to_owned()),
        );
        let commit = unknown("Deadlock found when trying to get lock; try restarting transaction");
        assert!(matches!(classify(&statement), Trouble::Conflict(_)));
        assert!(matches!(classify(&commit), Trouble::Conflict(_)));
    }

    #[test]
    fn a_row_that_somebody_removed_meanwhile_is_written_anew() {
        assert!(matches!(classify(&Error::NotFound), Trouble::Conflict(_)));
    }

    #[test]
    fn what_the_operator_can_mend_is_told_from_a_bug() {
        for message in [
            "Can't connect to server on '127.0.0.1' (111)",
            "The MariaDB server is running with the --read-only option so it cannot execute this statement",
            "The table 'sessions' is full",
        ] {
            assert!(matches!(classify(&unknown(message)), Trouble::Unavailable(_)), "{message}");
        }
        assert!(matches!(classify(&unknown("Lost connection to server")), Trouble::Lost(_)));
        assert!(matches!(classify(&unknown("You have an error in your SQL")), Trouble::Bug(_)));
    }

    #[test]
    fn a_connection_that_was_killed_while_it_was_made_is_made_again() {
        let failed = |message: &str| ConnectionError::BadConnection(message.to_owned());
        let error = failed("Lost connection to server during query");
        assert!(matches!(classify_connecting(&error), Trouble::Lost(_)));
        let error = failed("Access denied for user");
        assert!(matches!(classify_connecting(&error), Trouble::Unavailable(_)));
    }

    #[test]
    fn a_refused_value_does_not_reach_the_cause() {
        let error = unknown("Data too long: 'canary' for column 'phone_number' at row 1");
        assert!(!classify(&error).to_string().contains("canary"));
    }
}
