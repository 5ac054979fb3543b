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
    /// The connection is gone, or its server is not the one that writes any more: running it again
    /// on another one.
    Lost(String),
    /// Time, or the operator.
    Unavailable(String),
    /// The operator only.
    Misconfigured(String),
    /// The database refuses something for a reason that nobody has met yet: perhaps the one row.
    Refused(String),
    /// A programmer.
    Bug(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Conflict(cause)
        | Self::Lost(cause)
        | Self::Unavailable(cause)
        | Self::Misconfigured(cause)
        | Self::Refused(cause)
        | Self::Bug(cause)) = self;
        f.write_str(cause)
    }
}

impl From<Trouble> for StoreError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Conflict(cause)
            | Trouble::Lost(cause)
            | Trouble::Unavailable(cause)
            | Trouble::Refused(cause) => Self::Unavailable(cause),
            Trouble::Misconfigured(cause) => Self::Misconfigured(cause),
            Trouble::Bug(cause) => Self::Bug(cause),
        }
    }
}

/// Parts of messages, in lower case: MySQL's, MariaDB's and their client's, as diesel tells no
/// error numbers. What stands first decides.
const LOST: &[&str] = &[
    "gone away",
    "lost connection",
    "connection was killed",
    "packets out of order",
    "commands out of sync",
    // Its server has been demoted, or is about to go.
    "read-only",
    "read only",
    "shutdown in progress",
    "being shut down",
    "offline mode",
    // A node of Galera without its cluster, one of Group Replication without its group.
    "not yet prepared node for application use",
    "running replication hook",
    // What was prepared is forgotten: a proxy's reset, or an upgrade.
    "unknown prepared statement",
];
const CONFLICT: &[&str] = &[
    "deadlock",
    "lock wait timeout",
    "try restarting transaction",
    // Galera's certification, Group Replication's, TiDB's.
    "wsrep",
    "rollback the current transaction",
    "write conflict",
    "needs to be re-prepared",
    // Somebody killed the statement; each can be run again.
    "execution was interrupted",
];
const UNAVAILABLE: &[&str] = &[
    "can't connect",
    "is full",
    "no space",
    "disk full",
    "access denied",
    "command denied",
    "unknown database",
];
/// Limits that an operator set, with the variables that they are.
const LIMITS: &[(&str, &str)] = &[
    ("too many connections", "max_connections"),
    ("max_user_connections", "max_user_connections"),
    ("max_prepared_stmt_count", "max_prepared_stmt_count"),
    ("has exceeded the", "of this account: MAX_QUERIES_PER_HOUR and the like"),
];

/// Commits and plain statements report the same trouble under different kinds, so the text decides
/// where the kind does not.
pub(in crate::store) fn classify(error: &Error) -> Trouble {
    match error {
        Error::DatabaseError(DatabaseErrorKind::SerializationFailure, information) => {
            Trouble::Conflict(information.message().to_owned())
        }
        Error::DatabaseError(
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::ReadOnlyTransaction,
            information,
        ) => Trouble::Lost(information.message().to_owned()),
        Error::DatabaseError(_, information) => by_message(information.message()),
        Error::RollbackErrorOnCommit { commit_error, .. } => classify(commit_error),
        // Only what was written a moment ago is read without `optional()`: a purge, a revocation or
        // an erasure took it, and the whole is done anew.
        Error::NotFound => Trouble::Conflict("a row that was just written is gone".to_owned()),
        Error::BrokenTransactionManager => Trouble::Lost("a transaction was cut off".to_owned()),
        other => Trouble::Bug(other.to_string()),
    }
}

fn by_message(message: &str) -> Trouble {
    let lower = message.to_lowercase();
    if says(&lower, LOST) {
        Trouble::Lost(message.to_owned())
    } else if says(&lower, CONFLICT) {
        Trouble::Conflict(message.to_owned())
    } else if let Some(limit) = limit(&lower) {
        Trouble::Unavailable(format!("{message}: raise {limit}, or lower DATABASE_POOL_SIZE"))
    } else if says(&lower, UNAVAILABLE) {
        Trouble::Unavailable(message.to_owned())
    } else {
        Trouble::Refused(format!("the database refuses a statement: {}", without_quoted(message)))
    }
}

fn says(lower: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| lower.contains(part))
}

fn limit(lower: &str) -> Option<&'static str> {
    LIMITS.iter().find(|(part, _)| lower.contains(part)).map(|(_, limit)| *limit)
}

/// A connection can be killed before it is made, and a server can be about to go; another attempt
/// helps then.
pub(in crate::store) fn classify_connecting(error: &ConnectionError) -> Trouble {
    let message = error.to_string();
    let lower = message.to_lowercase();
    match limit(&lower) {
        Some(limit) => {
            unavailable(&format!("{message}: raise {limit}, or lower DATABASE_POOL_SIZE"))
        }
        None if says(&lower, LOST) => Trouble::Lost(message),
        None => unavailable(&message),
    }
}

pub(in crate::store) fn unavailable(cause: &str) -> Trouble {
    Trouble::Unavailable(format!("no connection to the database: {cause}"))
}

/// MySQL quotes the values that it refuses, and a value may be a key or a phone number. A quote
/// begins a value where no word goes before it, so that "Can't" is whole, and ends it where none
/// follows.
fn without_quoted(message: &str) -> String {
    let is_word = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
    let (mut shown, mut rest) = (String::new(), message);
    while let Some((before, after)) = rest.split_once('\'') {
        shown.push_str(before);
        if is_word(before.chars().next_back()) {
            shown.push('\'');
            rest = after;
            continue;
        }
        shown.push_str("'…'");
        let mut ends = after.match_indices('\'').map(|(at, quote)| after.get(at + quote.len()..));
        let is_end = |rest: &Option<&str>| rest.is_some_and(|rest| !is_word(rest.chars().next()));
        // A value without an end is the rest of the message.
        rest = ends.find(is_end).flatten().unwrap_or_default();
    }
    shown + rest
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
            "The table 'sessions' is full",
            "Can't create more than max_prepared_stmt_count statements (current value: 16382)",
            "Too many connections",
            "User 'wxauth' has exceeded the 'max_questions' resource (current value: 1)",
        ] {
            assert!(matches!(classify(&unknown(message)), Trouble::Unavailable(_)), "{message}");
        }
        assert!(matches!(classify(&Error::QueryBuilderError("odd".into())), Trouble::Bug(_)));
    }

    #[test]
    fn a_limit_is_named_with_its_variable() {
        for (message, variable) in [
            (
                "Can't create more than max_prepared_stmt_count statements",
                "max_prepared_stmt_count",
            ),
            ("Too many connections", "max_connections"),
            (
                "User 'a' already has more than 'max_user_connections' active connections",
                "max_user_connections",
            ),
        ] {
            assert!(classify(&unknown(message)).to_string().contains(&format!("raise {variable}")));
            let error = ConnectionError::BadConnection(message.to_owned());
            let told = classify_connecting(&error).to_string();
            assert!(told.contains(&format!("raise {variable}")), "{told}");
        }
    }

    #[test]
    fn a_server_that_is_not_the_writer_any_more_is_left() {
        for message in [
            "Lost connection to server",
            "The MariaDB server is running with the --read-only option so it cannot execute this statement",
            "The MySQL server is running with the --super-read-only option so it cannot execute this statement",
            "Server shutdown in progress",
            "WSREP has not yet prepared node for application use",
            "Error on observer while running replication hook 'before_commit'.",
            "Unknown prepared statement handler (5) given to mysqld_stmt_execute",
        ] {
            assert!(matches!(classify(&unknown(message)), Trouble::Lost(_)), "{message}");
        }
    }

    #[test]
    fn conflicts_of_clusters_are_run_again() {
        for message in [
            "WSREP detected deadlock/conflict and aborted the transaction. Try restarting the transaction",
            "Plugin instructed the server to rollback the current transaction.",
            "Write conflict, txnStartTS=1, conflictStartTS=2",
            "Prepared statement needs to be re-prepared",
        ] {
            assert!(matches!(classify(&unknown(message)), Trouble::Conflict(_)), "{message}");
        }
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
    fn a_message_is_whole_but_for_the_values_in_it() {
        for (message, shown) in [
            ("You can't specify target table", "You can't specify target table"),
            (
                "Data too long: 'canary' for column 'phone_number' at row 1",
                "Data too long: '…' for column '…' at row 1",
            ),
            (
                "Can't write; duplicate key in table '#sql-1'",
                "Can't write; duplicate key in table '…'",
            ),
            ("Incorrect value: 'it's a canary' (x)", "Incorrect value: '…' (x)"),
            ("near 'canary", "near '…'"),
        ] {
            let told = classify(&unknown(message));
            assert!(matches!(told, Trouble::Refused(_)), "{told:?}");
            assert_eq!(told.to_string(), format!("the database refuses a statement: {shown}"));
        }
    }
}
