//! What the database's facts mean, and what helps: no I/O.

use super::finding::Finding;
use super::names::{CONNECTION, DEFAULTS, MIGRATIONS, PRIVILEGES, SESSION, TABLES, VERSION};
use crate::store::{ConnectFailure, Oddity, Rights, SchemaState, Settings, StoreError};

pub fn no_connection(failure: ConnectFailure, cause: &str) -> Finding {
    let (found, advice) = match failure {
        ConnectFailure::Silent => (
            "the database's address accepts connections or packets, and does not answer",
            "check host and port in DATABASE_URL, and whether the database hangs",
        ),
        ConnectFailure::Unreachable => (
            "the database cannot be reached",
            "check host and port in DATABASE_URL, that the database runs, and firewalls",
        ),
        ConnectFailure::AccessDenied => (
            "the database refuses this user or password, or this machine",
            "check user and password in DATABASE_URL (special characters percent-encoded), and \
             which hosts the account may connect from; where server or account insist on TLS, ask \
             for it with ssl_mode=required and ssl_ca",
        ),
        ConnectFailure::DatabaseDenied => (
            "user and password are right, but this account may not use the database in DATABASE_URL",
            "check the database's name, and GRANT the account its privileges on it",
        ),
        ConnectFailure::UnknownDatabase => (
            "the server has no database of the name in DATABASE_URL",
            "check the name, or create it: CREATE DATABASE … CHARACTER SET utf8mb4",
        ),
        ConnectFailure::TooManyConnections => (
            "the database has too many connections",
            "raise its max_connections, or lower DATABASE_POOL_SIZE of the servers",
        ),
        ConnectFailure::Tls => (
            "no secure connection to the database comes about",
            "check ssl_mode and ssl_ca in DATABASE_URL, and the database's certificate",
        ),
        ConnectFailure::TlsDemanded => (
            "the database takes encrypted connections only",
            "add ssl_mode=required and ssl_ca, the authority of its certificate, to DATABASE_URL",
        ),
        ConnectFailure::Other => {
            ("the database refuses the connection", "check DATABASE_URL, and the database's log")
        }
    };
    Finding::failed(CONNECTION, format!("{found} ({cause})"), advice)
}

pub fn unanswered(check: &'static str, error: &StoreError) -> Finding {
    let advice = match error.is_denied() {
        true => "GRANT the account its privileges, as docs/operate.md lists them",
        false => "look at the database's log",
    };
    Finding::failed(check, format!("the database answered with an error: {error}"), advice)
}

pub fn version(settings: &Settings) -> Finding {
    let version = &settings.version;
    let (name, needed) = match version.contains("MariaDB") {
        true => ("MariaDB", (10, 5)),
        false => ("MySQL", (5, 6)),
    };
    // Old replication needs MariaDB to call itself 5.5.5- first.
    let number = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut parts = number.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (parts.next(), parts.next()) else {
        let advice = "make sure that it is MySQL 5.6, MariaDB 10.5 or newer";
        return Finding::warning(VERSION, format!("its version is unclear: {version}"), advice);
    };
    let found = format!("{name} {major}.{minor}, {}", tried(name, major, minor));
    if (major, minor) >= needed {
        return Finding::ok(VERSION, found);
    }
    Finding::failed(VERSION, found, "upgrade to MySQL 5.6, MariaDB 10.5 or newer")
}

/// What the tests of a release run on.
fn tried(name: &str, major: u32, minor: u32) -> &'static str {
    match (name, major, minor) {
        ("MySQL", 5, 6) | ("MySQL", 9, _) | ("MariaDB", 10, 11) | ("MariaDB", 11, 8) => {
            "which every test runs on"
        }
        ("MySQL", 5..9, _) | ("MariaDB", 10, 12..) | ("MariaDB", 11, 0..8) => {
            "which lies between versions that every test runs on"
        }
        ("MariaDB", 10, 5..11) => {
            "which was not tried; 10.11 is the oldest that every test runs on"
        }
        _ => "which was not tried",
    }
}

pub fn session(deviations: &[String]) -> Finding {
    if deviations.is_empty() {
        return Finding::ok(SESSION, "our connections are set up as they must be");
    }
    let advice = "look for a proxy before the database that drops SET statements";
    Finding::failed(SESSION, format!("of our connections, {}", deviations.join(", ")), advice)
}

pub fn defaults(settings: &Settings) -> Finding {
    let Settings { global_time_zone, database_character_set, .. } = settings;
    let mut odd = Vec::new();
    if !matches!(global_time_zone.as_str(), "SYSTEM" | "+00:00" | "UTC") {
        odd.push(format!("the server's time zone is {global_time_zone}"));
    }
    if database_character_set != "utf8mb4" {
        odd.push(format!("the database's character set is {database_character_set}"));
    }
    if odd.is_empty() {
        return Finding::ok(DEFAULTS, "time zone and character set are usual");
    }
    let advice = "harmless here, as our connections and tables set their own; mind it in others";
    Finding::warning(DEFAULTS, odd.join(", "), advice)
}

pub fn privileges(rights: Rights) -> Finding {
    if rights.is_read_only {
        let advice = "point DATABASE_URL at the primary, or turn read_only off";
        return Finding::failed(PRIVILEGES, "the database is read-only", advice);
    }
    if !rights.missing.is_empty() {
        let found = format!("the account lacks {}", rights.missing.join(", "));
        let advice = "GRANT SELECT, INSERT, UPDATE, DELETE on the database to it";
        return Finding::failed(PRIVILEGES, found, advice);
    }
    if rights.missing_to_migrate.is_empty() {
        return Finding::ok(PRIVILEGES, "the account may serve and migrate");
    }
    let missing = rights.missing_to_migrate.join(", ");
    let advice = "fine if another account runs `wxauth migrate`";
    let found = format!("the account may serve, and not migrate: it lacks {missing}");
    Finding::warning(PRIVILEGES, found, advice)
}

pub fn migrations(state: SchemaState) -> Finding {
    match state {
        SchemaState::Current => Finding::ok(MIGRATIONS, "every migration is applied"),
        SchemaState::Pending(count) => Finding::failed(
            MIGRATIONS,
            format!("the database lacks {count} migrations of this binary"),
            "run `wxauth migrate`",
        ),
    }
}

pub fn tables(oddities: &[Oddity]) -> Finding {
    if oddities.is_empty() {
        return Finding::ok(TABLES, "our tables are InnoDB and utf8mb4, and have their keys");
    }
    let found: Vec<_> = oddities.iter().map(describe).collect();
    let found = found.join(", ");
    if oddities.iter().all(|oddity| matches!(oddity, Oddity::Default { .. })) {
        let advice = "harmless, as each column has its own; or ALTER TABLE … CHARACTER SET utf8mb4";
        return Finding::warning(TABLES, found, advice);
    }
    Finding::failed(TABLES, found, "make the tables as migrations/ does, with ALTER TABLE")
}

fn describe(oddity: &Oddity) -> String {
    match oddity {
        Oddity::Missing { table } => format!("{table} is missing"),
        Oddity::Engine { table, engine } => format!("{table} is {engine}, not InnoDB"),
        Oddity::Column { table, column, collation } => {
            format!("{table}.{column} is {collation}, which takes capital letters for small ones")
        }
        Oddity::NotUnique { table, columns } => format!("{table} has no unique key ({columns})"),
        Oddity::Default { table, collation } => format!("{table} is {collation} by default"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::doctor::finding::State;

    fn settings(version: &str) -> Settings {
        Settings {
            version: version.to_owned(),
            global_time_zone: "SYSTEM".to_owned(),
            database_character_set: "utf8mb4".to_owned(),
        }
    }

    #[test]
    fn versions_are_read_in_the_forms_that_servers_tell_them() {
        for (text, state) in [
            ("10.11.19-MariaDB-0+deb12u1", State::Ok),
            ("5.5.5-10.5.2-MariaDB", State::Ok),
            ("10.4.32-MariaDB", State::Failed),
            ("5.6.51-log", State::Ok),
            ("8.0.36", State::Ok),
            ("8.0.mysql_aurora.3.05.2", State::Ok),
            ("5.5.62", State::Failed),
            ("new", State::Warning),
        ] {
            assert_eq!(version(&settings(text)).state, state, "{text}");
        }
    }

    #[test]
    fn a_version_is_told_with_how_it_was_tried() {
        for (text, tried) in [
            ("5.6.24-log", "MySQL 5.6, which every test runs on"),
            ("5.7.44", "MySQL 5.7, which lies between versions that every test runs on"),
            ("8.4.6", "MySQL 8.4, which lies between versions that every test runs on"),
            ("9.7.4", "MySQL 9.7, which every test runs on"),
            ("10.6.22-MariaDB", "MariaDB 10.6, which was not tried; 10.11 is the oldest"),
            ("10.11.19-MariaDB", "MariaDB 10.11, which every test runs on"),
            ("11.4.7-MariaDB", "MariaDB 11.4, which lies between versions that every test runs on"),
            ("11.8.3-MariaDB", "MariaDB 11.8, which every test runs on"),
            ("12.1.2-MariaDB", "MariaDB 12.1, which was not tried"),
        ] {
            let found = version(&settings(text)).found;
            assert!(found.starts_with(tried), "{found}");
        }
    }

    #[test]
    fn another_session_than_ours_fails_and_other_defaults_of_the_server_warn() {
        let usual = || settings("8.0.36");
        assert_eq!(session(&[]).state, State::Ok);
        assert_eq!(session(&["autocommit is OFF, not ON".to_owned()]).state, State::Failed);
        assert_eq!(defaults(&usual()).state, State::Ok);
        for settings in [
            Settings { global_time_zone: "+08:00".to_owned(), ..usual() },
            Settings { database_character_set: "latin1".to_owned(), ..usual() },
        ] {
            assert_eq!(defaults(&settings).state, State::Warning);
        }
    }
}
