//! diesel: one file a table. Knows no HTTP and no WeChat.
//!
//! Every statement works on MySQL 5.6 and at the server's default isolation level; every write can
//! be run again after any error.

mod classify;
mod codes;
mod direct;
mod examine;
mod key_ages;
mod migrations;
mod phones;
mod rights;
mod sessions;
mod sql;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use actix_rt::time::timeout;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use diesel::r2d2::{ConnectionManager, Pool};
use tokio::sync::Semaphore;

pub use self::classify::StoreError;
use self::classify::{Trouble, classify, unavailable};
pub use self::direct::Direct;
pub use self::examine::{ConnectFailure, Oddity, Settings};
pub use self::key_ages::{KeyAge, KeyOutcome};
pub use self::migrations::{SchemaState, migrate};
pub use self::rights::Rights;
pub use self::sessions::{KeyId, Login, StoredLogin};
pub use self::users::{KeyRing, RingKey, User};
use crate::config::DatabaseConfig;

/// No request waits longer for the database, whatever it does.
const DEADLINE: Duration = Duration::from_millis(4_500);
/// How long one attempt to connect may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Requests that may wait for a connection; each is a few kilobytes.
const MAX_WAITING: usize = 4_096;
/// Deadlocks and certification conflicts are run again this often, with growing pauses.
const MAX_TRIES: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_millis(200);

type Result<T> = std::result::Result<T, StoreError>;

/// The database, behind a pool of connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool<ConnectionManager<MysqlConnection>>,
    /// One permit a connection, so that no thread waits for one.
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Store {
    /// Connects when first used, so that this cannot fail.
    pub fn new(config: &DatabaseConfig) -> Self {
        let pool = Pool::builder()
            .max_size(config.pool_size)
            .min_idle(Some(0))
            .connection_timeout(CONNECT_TIMEOUT)
            .error_handler(Box::new(r2d2::NopErrorHandler))
            .build_unchecked(ConnectionManager::new(config.url.expose()));
        let turns = Arc::new(Semaphore::new(config.pool_size as usize));
        Self { pool, turns, waiting: Arc::default() }
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
        let _waiting = Waiting::enter(&self.waiting)?;
        match timeout(DEADLINE, self.run_in_turn(work)).await {
            Ok(done) => done,
            Err(_) => {
                Err(StoreError::Unavailable("no answer from the database in time".to_owned()))
            }
        }
    }

    async fn run_in_turn<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
    {
        let closed = |_| StoreError::Unavailable("the store is closed".to_owned());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(closed)?;
        let pool = self.pool.clone();
        let running = actix_rt::task::spawn_blocking(move || {
            let done = run_with_retries(&pool, work);
            drop(turn);
            done
        });
        running.await.unwrap_or_else(|error| Err(StoreError::Bug(error.to_string())))
    }
}

fn run_with_retries<T>(
    pool: &Pool<ConnectionManager<MysqlConnection>>,
    mut work: impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
) -> Result<T> {
    let mut pauses = ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LAST_PAUSE)
        .with_max_times(MAX_TRIES - 1)
        .with_jitter()
        .build();
    loop {
        let mut connection = pool.get().map_err(|error| unavailable(&error.to_string()))?;
        let error = match work(&mut connection) {
            Ok(done) => return Ok(done),
            Err(error) => classify(&error),
        };
        // The pool checks a connection before it gives it out again, so a dead one goes by itself.
        drop(connection);
        let pause = match &error {
            Trouble::Conflict(_) | Trouble::Lost(_) => pauses.next(),
            Trouble::Unavailable(_) | Trouble::Bug(_) => None,
        };
        let Some(pause) = pause else {
            return Err(error.into());
        };
        log::debug!("running a statement again in {} ms: {error}", pause.as_millis());
        std::thread::sleep(pause);
    }
}

/// Counts one request among those that wait, until it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Result<Self> {
        let waiting = Self(count);
        match count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            true => Ok(waiting),
            false => Err(StoreError::Busy),
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
