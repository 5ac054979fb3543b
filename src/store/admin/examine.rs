//! What `wxauth doctor` asks the database about itself; it changes nothing.

use diesel::prelude::*;
use diesel::sql_types::Text;

use super::direct::Direct;
use crate::config::DatabaseConfig;
use crate::store::connection::deviations;
use crate::store::error::{Result, StoreError};

/// Why there is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectFailure {
    /// Something accepts connections, and does not speak.
    Silent,
    Unreachable,
    /// User or password, or the host that the account may connect from.
    AccessDenied,
    /// The account is good, but not for this database, which may not exist.
    DatabaseDenied,
    UnknownDatabase,
    TooManyConnections,
    Tls,
    /// The server takes encrypted connections only.
    TlsDemanded,
    /// None of these: the client's text says more.
    Other,
}

/// The server, as it is for everybody.
#[derive(Debug, QueryableByName)]
pub struct Settings {
    #[diesel(sql_type = Text)]
    pub version: String,
    /// What connections get that do not set their own.
    #[diesel(sql_type = Text)]
    pub global_time_zone: String,
    #[diesel(sql_type = Text)]
    pub database_character_set: String,
}

impl Direct {
    /// Connects, or says why not in a way that can be acted on.
    pub fn connect_or_explain(
        config: &DatabaseConfig,
    ) -> std::result::Result<Self, (ConnectFailure, String)> {
        Self::connect_to_any_schema(config).map_err(|error| {
            let cause = error.to_string();
            (explain(&cause), cause)
        })
    }

    pub fn settings(&mut self) -> Result<Settings> {
        self.run(|connection| {
            diesel::sql_query(
                "SELECT VERSION() AS version, @@global.time_zone AS global_time_zone, \
                 @@character_set_database AS database_character_set",
            )
            .get_result(connection)
        })
    }

    /// What of our session is not as it was set: `autocommit is OFF, not ON`.
    pub fn session_deviations(&mut self) -> Result<Vec<String>> {
        self.run(deviations)
    }
}

/// By the texts of both clients, MySQL's and MariaDB's, as diesel passes on no numbers.
fn explain(cause: &str) -> ConnectFailure {
    let cause = cause.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| cause.contains(part));
    if says(&["no answer for"]) {
        ConnectFailure::Silent
    } else if says(&["access denied for user"]) {
        // With a database in it, the password was right.
        if says(&["to database"]) {
            ConnectFailure::DatabaseDenied
        } else {
            ConnectFailure::AccessDenied
        }
    } else if says(&["is not allowed to connect"]) {
        ConnectFailure::AccessDenied
    } else if says(&["unknown database"]) {
        ConnectFailure::UnknownDatabase
    } else if says(&["too many connections", "max_user_connections"]) {
        ConnectFailure::TooManyConnections
    } else if says(&["insecure transport"]) {
        ConnectFailure::TlsDemanded
    } else if says(&["ssl", "tls", "certificate"]) {
        ConnectFailure::Tls
    } else if says(&["can't connect", "unknown server host", "unknown mysql server host"]) {
        ConnectFailure::Unreachable
    } else {
        ConnectFailure::Other
    }
}

impl StoreError {
    /// Whether the account lacks a privilege.
    pub fn is_denied(&self) -> bool {
        self.to_string().contains("command denied")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_texts_of_both_clients_are_understood() {
        use ConnectFailure::*;
        for (cause, failure) in [
            ("Can't connect to server on 'db' (111)", Unreachable),
            ("Can't connect to MySQL server on 'db' (110)", Unreachable),
            ("Unknown server host 'db' (-2)", Unreachable),
            ("Unknown MySQL server host 'db' (-2)", Unreachable),
            ("Access denied for user 'wxauth'@'web' (using password: YES)", AccessDenied),
            ("Host 'web' is not allowed to connect to this MariaDB server", AccessDenied),
            ("Access denied for user 'wxauth'@'%' to database 'shop'", DatabaseDenied),
            ("Unknown database 'shop'", UnknownDatabase),
            ("Too many connections", TooManyConnections),
            ("TLS/SSL error: self-signed certificate in certificate chain", Tls),
            (
                "Connections using insecure transport are prohibited while \
                 --require_secure_transport=ON.",
                TlsDemanded,
            ),
            ("no answer for 5 s", Silent),
            ("Malformed packet", Other),
        ] {
            assert_eq!(explain(cause), failure, "{cause}");
        }
    }
}
