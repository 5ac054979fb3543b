//! One connection of a command's own, beside the server's pool: for admins and their scripts.

use std::thread;
use std::time::Duration;

use diesel::QueryResult;
use diesel::mysql::MysqlConnection;

use crate::config::DatabaseConfig;
use crate::store::connection::{
    Encryption, LockWaits, Target, Trouble, classify, connect_within, pauses,
};
use crate::store::error::{Result, StoreError};
use crate::store::migrations::{MigrationStatus, SchemaState, migration_statuses, schema_state};

/// How long connecting may take. The client itself would wait for minutes where a packet filter
/// swallows the packets, and without end for a server that accepts and says nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that is set up like the server's. Blocks its thread, and has no
/// timeouts once it is connected: who runs a command can interrupt it.
pub struct Direct {
    connection: MysqlConnection,
    target: Target,
}

impl Direct {
    /// Connects, and refuses a schema that lacks a migration of this binary.
    pub fn connect(config: &DatabaseConfig) -> Result<Self> {
        let mut direct = Self::connect_to_any_schema(config)?;
        match direct.schema_state()? {
            SchemaState::Current => Ok(direct),
            SchemaState::Pending(count) => Err(StoreError::Unavailable(format!(
                "the database lacks {count} migrations of this binary: run `wxauth migrate`"
            ))),
        }
    }

    /// Connects, whatever the database holds.
    pub fn connect_to_any_schema(config: &DatabaseConfig) -> Result<Self> {
        let target = Target::of(config);
        let connection = connect_within(&target, CONNECT_TIMEOUT, LockWaits::Short)?;
        Ok(Self { connection, target })
    }

    /// How the database's schema compares with this binary's.
    pub fn schema_state(&mut self) -> Result<SchemaState> {
        self.run(schema_state)
    }

    /// This binary's migrations in order, then what a newer one has applied.
    pub fn migration_statuses(&mut self) -> Result<Vec<MigrationStatus>> {
        self.run(migration_statuses)
    }

    /// How the connection is protected.
    pub fn encryption(&mut self) -> Result<Encryption> {
        let target = self.target.clone();
        self.run(|connection| target.encryption(connection))
    }

    /// Runs `work`, again after a deadlock or a certification conflict.
    pub(super) fn run<T>(
        &mut self,
        mut work: impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
    ) -> Result<T> {
        let mut pauses = pauses();
        loop {
            let error = match work(&mut self.connection) {
                Ok(done) => return Ok(done),
                Err(error) => classify(&error),
            };
            let pause = match &error {
                Trouble::Conflict(_) => pauses.next(),
                _ => None,
            };
            thread::sleep(pause.ok_or_else(|| StoreError::from(error))?);
        }
    }
}
