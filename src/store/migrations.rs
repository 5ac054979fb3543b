//! The migrations that the binary carries, and how the database compares with them.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use diesel::migration::{Migration, MigrationName, MigrationSource as _};
use diesel::mysql::{Mysql, MysqlConnection};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Nullable};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};
use serde::Serialize;

use super::connection::{LockWaits, Target, classify, connect};
use super::error::StoreError;
use crate::config::DatabaseConfig;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// How long a migration waits for another process that migrates: the longest that changing a large
/// table may take.
const LOCK_WAIT: Duration = Duration::from_secs(60 * 60);
/// Between two lines in the log that say so.
const LOCK_SECONDS: i64 = 30;
/// How long somebody who has run a migration may take to record it: they do it at once.
const RECORD_WAIT: Duration = Duration::from_secs(5);
const RECORD_PAUSE: Duration = Duration::from_millis(100);

/// Parts of the messages of a statement that was run before: MariaDB's and MySQL's.
const IS_THERE: [&str; 6] = [
    "already exists",
    "Duplicate column",
    "Duplicate key name",
    "Can't DROP",
    "Unknown column",
    "Unknown table",
];

/// How the database's schema compares with this binary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// Every migration of this binary is applied; a newer schema is current too, as servers are
    /// upgraded one after the other.
    Current,
    /// How many of this binary's migrations are not applied.
    Pending(usize),
}

/// A migration that this binary carries, or that the database knows from a newer one.
#[derive(Debug, Clone, Serialize)]
pub struct MigrationStatus {
    /// Its name, or its version where this binary does not carry it.
    pub migration: String,
    pub state: MigrationState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    Applied,
    Missing,
    /// Applied by a newer binary, which harms nothing.
    Newer,
}

/// Applies what is pending and returns the names of what was applied, in order.
///
/// Takes the database's lock for it, so that of two processes one waits until the other's versions
/// are recorded.
pub fn migrate(config: &DatabaseConfig) -> Result<Vec<String>, StoreError> {
    let mut connection = connect(&Target::of(config), LockWaits::Long)?;
    wait_for_lock(&mut connection)?;
    let mut applied = Vec::new();
    while let Some(migration) = next_pending(&mut connection)? {
        let name = migration.name().to_string();
        match connection.run_migration(&migration) {
            Ok(_) => applied.push(name),
            Err(error) => wait_for_record(&mut connection, &migration, error.as_ref())?,
        }
    }
    Ok(applied)
    // Closing the connection releases the lock, and so does the end of the process.
}

fn wait_for_lock(connection: &mut MysqlConnection) -> Result<(), StoreError> {
    let deadline = Instant::now() + LOCK_WAIT;
    let mut wait_seconds = 0;
    while !lock(connection, wait_seconds).map_err(|error| StoreError::from(classify(&error)))? {
        if Instant::now() >= deadline {
            let minutes = LOCK_WAIT.as_secs() / 60;
            let cause = format!("another process has been migrating for {minutes} minutes");
            return Err(StoreError::Unavailable(cause));
        }
        log::info!("another process is migrating: waiting until it is done");
        wait_seconds = LOCK_SECONDS;
    }
    Ok(())
}

/// Whether the lock was ours before the time was over.
fn lock(connection: &mut MysqlConnection, wait_seconds: i64) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Nullable<BigInt>)]
        locked: Option<i64>,
    }
    // Locks are the whole server's, so the name holds the database's, in MySQL's 64 characters.
    let locked: Locked = diesel::sql_query(
        "SELECT GET_LOCK(CONCAT('wxauth migrate ', LEFT(SHA2(DATABASE(), 256), 16)), ?) AS locked",
    )
    .bind::<BigInt, _>(wait_seconds)
    .get_result(connection)?;
    // NULL means that the server could not wait, as when an admin ends the statement.
    locked.locked.map(|locked| locked == 1).ok_or_else(|| {
        let cause = "the wait for another process that migrates: execution was interrupted";
        Error::DatabaseError(DatabaseErrorKind::Unknown, Box::new(cause.to_owned()))
    })
}

fn next_pending(
    connection: &mut MysqlConnection,
) -> Result<Option<Box<dyn Migration<Mysql>>>, StoreError> {
    let pending = connection.pending_migrations(MIGRATIONS).map_err(|error| {
        match error.downcast_ref::<Error>() {
            Some(error) => StoreError::from(classify(error)),
            None => StoreError::Bug(error.to_string()),
        }
    })?;
    Ok(pending.into_iter().next())
}

/// A migration that failed may be one that somebody else has just run who takes no lock of ours:
/// diesel's CLI, or a wxauth at another node of a cluster. They record it a moment later.
fn wait_for_record(
    connection: &mut MysqlConnection,
    migration: &dyn Migration<Mysql>,
    error: &(dyn std::error::Error + Send + Sync),
) -> Result<(), StoreError> {
    let name = migration.name();
    log::warn!("{name} failed: waiting whether another process has run it");
    let deadline = Instant::now() + RECORD_WAIT;
    while Instant::now() < deadline {
        let applied = connection.applied_migrations().map_err(|_| failed(name, error))?;
        if applied.contains(&name.version()) {
            return Ok(());
        }
        thread::sleep(RECORD_PAUSE);
    }
    Err(failed(name, error))
}

fn failed(name: &dyn MigrationName, error: &(dyn std::error::Error + Send + Sync)) -> StoreError {
    let mut cause = format!("the migration {name} failed: {error}");
    if IS_THERE.iter().any(|part| cause.contains(part)) {
        let version = name.version();
        let advice = format!(
            "; if an earlier migration was killed just before it recorded this one, record it: \
             INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"
        );
        cause.push_str(&advice);
    }
    StoreError::Unavailable(cause)
}

pub(super) fn schema_state(connection: &mut MysqlConnection) -> QueryResult<SchemaState> {
    let all = migration_statuses(connection)?;
    let pending = all.iter().filter(|status| status.state == MigrationState::Missing).count();
    Ok(if pending == 0 { SchemaState::Current } else { SchemaState::Pending(pending) })
}

/// This binary's migrations in order, then what else is applied.
pub(super) fn migration_statuses(
    connection: &mut MysqlConnection,
) -> QueryResult<Vec<MigrationStatus>> {
    let mut applied = applied_versions(connection)?;
    let own: Vec<Box<dyn Migration<Mysql>>> =
        MIGRATIONS.migrations().map_err(Error::DeserializationError)?;
    let mut all: Vec<_> = own
        .iter()
        .map(|migration| {
            let is_applied = applied.remove(&migration.name().version().to_string());
            let state = if is_applied { MigrationState::Applied } else { MigrationState::Missing };
            MigrationStatus { migration: migration.name().to_string(), state }
        })
        .collect();
    let newer = applied
        .into_iter()
        .map(|version| MigrationStatus { migration: version, state: MigrationState::Newer });
    all.extend(newer);
    Ok(all)
}

/// Asks the table that diesel keeps, as `diesel migration run` writes it too.
fn applied_versions(connection: &mut MysqlConnection) -> QueryResult<BTreeSet<String>> {
    diesel::table! {
        __diesel_schema_migrations (version) {
            version -> Text,
        }
    }
    match __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .load::<String>(connection)
    {
        Ok(versions) => Ok(versions.into_iter().collect()),
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, cause))
            if cause.message().contains("doesn't exist") =>
        {
            Ok(BTreeSet::new())
        }
        Err(error) => Err(error),
    }
}
