//! diesel: one file a table. Knows no HTTP and no WeChat.
//!
//! Every statement works on MySQL 5.6 and at the server's default isolation level; every write can
//! be run again after any error.

mod classify;
mod codes;
mod connections;
mod direct;
mod examine;
mod import;
mod inspect;
mod key_ages;
mod lane;
mod links;
mod logins;
mod migrations;
mod new_keys;
mod patience;
mod pauses;
mod people;
mod phones;
mod rights;
mod rings;
mod sessions;
mod sql;
mod statistics;
mod turns;
mod users;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use actix_rt::time::timeout;
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;

pub use self::classify::StoreError;
use self::connections::{Conflicts, Connections, late};
pub use self::direct::Direct;
pub use self::examine::{ConnectFailure, Oddity, Settings};
pub use self::import::{ImportedBatch, ImportedRow};
pub use self::inspect::{KeyFilter, KeyState, StoredKey};
pub use self::key_ages::{KeyAge, KeyOutcome};
use self::lane::Lane;
use self::logins::SaveLogins;
pub use self::migrations::{SchemaState, migrate};
pub use self::patience::with_one_patience;
pub use self::people::{Erased, StoredUser};
pub use self::rights::Rights;
use self::rings::ReadRings;
pub use self::rings::{KeyRing, RingKey};
pub use self::sessions::{KeyId, Login, StoredLogin};
pub use self::statistics::{DayOfUsers, Decryptions, HourOfKeys, KeysPerUser};
use self::turns::Waiting;
pub use self::users::User;
use crate::config::DatabaseConfig;
use crate::metrics::StoreMetrics;

/// No request waits longer for the database, whatever that does.
const DEADLINE: Duration = Duration::from_millis(4_500);

type Result<T> = std::result::Result<T, StoreError>;

/// The database. Clones share everything.
///
/// What every request needs goes through lanes, where the statements of concurrent requests are
/// joined into one; everything else runs by itself.
#[derive(Clone)]
pub struct Store {
    connections: Arc<Connections>,
    rings: Arc<Lane<ReadRings>>,
    logins: Arc<Lane<SaveLogins>>,
    waiting: Arc<AtomicUsize>,
}

impl Store {
    /// Connects when first used, so that this cannot fail.
    pub fn new(config: &DatabaseConfig, metrics: &StoreMetrics) -> Self {
        let connections = Arc::new(Connections::new(config, metrics.connections_in_use.clone()));
        let rings = Lane::new(Arc::clone(&connections), metrics.rings.clone());
        let logins = Lane::new(Arc::clone(&connections), metrics.logins.clone());
        Self { connections, rings, logins, waiting: Arc::default() }
    }

    /// Whether the database answers, and how its schema compares with this binary's.
    pub async fn schema_state(&self) -> Result<SchemaState> {
        self.run(migrations::schema_state).await
    }

    /// Runs `work` on a connection, in its turn, on a thread that may block; at most
    /// [`DEADLINE`] passes until the answer.
    async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
    {
        let waiting = Waiting::enter(&self.waiting)?;
        let connections = Arc::clone(&self.connections);
        // A task of its own, so that a stuck thread loses its turn also if the caller hangs up.
        let running = actix_rt::spawn(async move {
            let _waiting = waiting;
            run_in_time(&connections, work).await
        });
        let answer =
            async { running.await.unwrap_or_else(|error| Err(StoreError::Bug(error.to_string()))) };
        patience::wait_for(answer).await
    }
}

async fn run_in_time<T, F>(connections: &Arc<Connections>, work: F) -> Result<T>
where
    T: Send + 'static,
    F: FnMut(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
{
    let deadline = Instant::now() + DEADLINE;
    let turn = connections.turn(deadline).await?;
    let (of_thread, turn_of_thread) = (Arc::clone(connections), Arc::clone(&turn));
    let running = actix_rt::task::spawn_blocking(move || {
        let done = of_thread.run(work, Conflicts::RunAgain, deadline);
        turn_of_thread.end();
        done.map_err(StoreError::from)
    });
    match timeout(deadline.saturating_duration_since(Instant::now()), running).await {
        Ok(done) => done.unwrap_or_else(|error| Err(StoreError::Bug(error.to_string()))),
        Err(_) => {
            connections.abandon(&turn);
            Err(late())
        }
    }
}
