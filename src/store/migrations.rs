//! The migrations that the binary carries, and how the database compares with them.

use std::collections::HashSet;

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Nullable};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::classify::{StoreError, classify, unavailable};
use crate::secret::Secret;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");
/// How long a migration waits for another process that migrates.
const LOCK_SECONDS: i64 = 60;

/// How the database's schema compares with this binary's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SchemaState {
    /// Every migration of this binary is applied; a newer schema is current too, as servers are
    /// upgraded one after the other.
    Current,
    /// How many of this binary's migrations are not applied.
    Pending(usize),
}

/// Applies what is pending and returns the names of what was applied, in order.
///
/// Takes the database's lock for it, so that two processes do not run one migration twice.
pub fn migrate(url: &Secret) -> Result<Vec<String>, StoreError> {
    let mut connection = MysqlConnection::establish(url.expose())
        .map_err(|error| unavailable(&error.to_string()))?;
    let locked = lock(&mut connection).map_err(|error| StoreError::from(classify(&error)))?;
    if !locked {
        let cause = format!("another process has been migrating for {LOCK_SECONDS} seconds");
        return Err(StoreError::Unavailable(cause));
    }
    let applied = connection
        .run_pending_migrations(MIGRATIONS)
        .map_err(|error| StoreError::Bug(format!("a migration failed: {error}")))?;
    Ok(applied.iter().map(ToString::to_string).collect())
    // Closing the connection releases the lock.
}

fn lock(connection: &mut MysqlConnection) -> QueryResult<bool> {
    #[derive(QueryableByName)]
    struct Locked {
        #[diesel(sql_type = Nullable<BigInt>)]
        locked: Option<i64>,
    }
    // Locks are the whole server's, so the name holds the database's, in MySQL's 64 characters.
    let locked: Locked = diesel::sql_query(
        "SELECT GET_LOCK(CONCAT('wxauth migrate ', LEFT(MD5(DATABASE()), 16)), ?) AS locked",
    )
    .bind::<BigInt, _>(LOCK_SECONDS)
    .get_result(connection)?;
    Ok(locked.locked == Some(1))
}

/// Asks the table that diesel keeps, as `diesel migration run` writes it too.
pub(super) fn schema_state(connection: &mut MysqlConnection) -> QueryResult<SchemaState> {
    diesel::table! {
        __diesel_schema_migrations (version) {
            version -> Text,
        }
    }
    let applied = match __diesel_schema_migrations::table
        .select(__diesel_schema_migrations::version)
        .load::<String>(connection)
    {
        Ok(versions) => versions.into_iter().collect(),
        Err(Error::DatabaseError(DatabaseErrorKind::Unknown, cause))
            if cause.message().contains("doesn't exist") =>
        {
            HashSet::new()
        }
        Err(error) => return Err(error),
    };
    let pending = own_versions()?.into_iter().filter(|version| !applied.contains(version)).count();
    Ok(if pending == 0 { SchemaState::Current } else { SchemaState::Pending(pending) })
}

fn own_versions() -> QueryResult<Vec<String>> {
    use diesel::migration::MigrationSource;
    let migrations = MigrationSource::<diesel::mysql::Mysql>::migrations(&MIGRATIONS)
        .map_err(Error::DeserializationError)?;
    Ok(migrations.iter().map(|migration| migration.name().version().to_string()).collect())
}
