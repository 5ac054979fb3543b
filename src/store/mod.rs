//! diesel: one file a table. Knows no HTTP and no WeChat.
//!
//! Every statement works on MySQL 5.6 and at the server's default isolation level; every write can
//! be run again after any error.

mod classify;
mod codes;
mod direct;
mod examine;
mod import;
mod key_ages;
mod links;
mod migrations;
mod pauses;
mod phones;
mod rights;
mod sessions;
mod sql;
mod turns;
mod users;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use actix_rt::time::timeout;
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use r2d2::Pool;
use tokio::sync::Semaphore;

pub use self::classify::StoreError;
use self::classify::{Trouble, classify, unavailable};
pub use self::direct::Direct;
pub use self::examine::{ConnectFailure, Oddity, Settings};
pub use self::import::{ImportedBatch, ImportedRow};
pub use self::key_ages::{KeyAge, KeyOutcome};
use self::links::Links;
pub use self::migrations::{SchemaState, migrate};
use self::pauses::pauses;
pub use self::rights::Rights;
pub use self::sessions::{KeyId, Login, StoredLogin};
use self::turns::{MAX_ABANDONED, Turn, Waiting};
pub use self::users::{KeyRing, RingKey, User};
use crate::config::DatabaseConfig;

/// No request waits longer for one answer of the database, whatever it does.
const DEADLINE: Duration = Duration::from_millis(4_500);
/// Idle connections are closed before firewalls forget them, which takes most of them minutes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

type Result<T> = std::result::Result<T, StoreError>;

/// The database, behind a pool of connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool<Links>,
    links: Links,
    /// One permit a connection, so that no thread waits for one.
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    abandoned: Arc<AtomicUsize>,
}

impl Store {
    /// Connects when first used, so that this cannot fail.
    pub fn new(config: &DatabaseConfig) -> Self {
        // Links of abandoned threads are still counted by the pool.
        let max_links = config.pool_size.saturating_add(MAX_ABANDONED as u32);
        let links = Links::new(config.url.clone());
        let pool = Pool::builder()
            .max_size(max_links)
            .min_idle(Some(0))
            .idle_timeout(Some(IDLE_TIMEOUT))
            .connection_timeout(DEADLINE)
            .test_on_check_out(false)
            .build_unchecked(links.clone());
        let turns = Arc::new(Semaphore::new(config.pool_size as usize));
        Self { pool, links, turns, waiting: Arc::default(), abandoned: Arc::default() }
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
        let store = self.clone();
        // A task of its own, so that a stuck thread loses its turn also if the caller hangs up.
        let running = actix_rt::spawn(async move {
            let _waiting = waiting;
            store.run_in_time(work).await
        });
        running.await.unwrap_or_else(|error| Err(StoreError::Bug(error.to_string())))
    }

    async fn run_in_time<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
    {
        let deadline = Instant::now() + DEADLINE;
        let late = || StoreError::Unavailable("no answer from the database in time".to_owned());
        let closed = |_| StoreError::Unavailable("the store is closed".to_owned());
        let turn = Arc::clone(&self.turns).acquire_owned();
        let turn = timeout(DEADLINE, turn).await.map_err(|_| late())?.map_err(closed)?;
        let turn = Arc::new(Turn::new(turn, Arc::clone(&self.abandoned)));
        let (store, of_thread) = (self.clone(), Arc::clone(&turn));
        let running = actix_rt::task::spawn_blocking(move || {
            let done = store.run_with_retries(work, deadline);
            of_thread.end();
            done
        });
        match timeout(deadline.saturating_duration_since(Instant::now()), running).await {
            Ok(done) => done.unwrap_or_else(|error| Err(StoreError::Bug(error.to_string()))),
            Err(_) => {
                turn.abandon();
                Err(late())
            }
        }
    }

    fn run_with_retries<T>(
        &self,
        mut work: impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
        deadline: Instant,
    ) -> Result<T> {
        let mut pauses = pauses();
        loop {
            let error = match self.run_once(&mut work)? {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            let pause = match &error {
                Trouble::Conflict(_) | Trouble::Lost(_) => pauses.next(),
                Trouble::Unavailable(_) | Trouble::Bug(_) => None,
            };
            let Some(pause) = pause.filter(|pause| Instant::now() + *pause < deadline) else {
                return Err(error.into());
            };
            log::debug!("running a statement again in {} ms: {error}", pause.as_millis());
            std::thread::sleep(pause);
        }
    }

    /// The connection goes back to the pool only after success: what failed may have left it in the
    /// middle of a transaction, or with a database that has become read-only.
    fn run_once<T>(
        &self,
        work: &mut impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
    ) -> Result<std::result::Result<T, Trouble>> {
        let mut link = self.pool.get().map_err(|error| unavailable(&error.to_string()))?;
        let mut connection = self.links.take(&mut link)?;
        match work(&mut connection) {
            Ok(done) => {
                link.put(connection);
                Ok(Ok(done))
            }
            Err(error) => {
                let trouble = classify(&error);
                if matches!(trouble, Trouble::Lost(_)) {
                    self.links.lost();
                }
                Ok(Err(trouble))
            }
        }
    }
}
