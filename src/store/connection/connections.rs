//! The database's connections: who may use one, and how work is run on it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use actix_rt::time::timeout;
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use prometheus_client::metrics::gauge::Gauge;
use r2d2::Pool;
use tokio::sync::Semaphore;

use super::classify::{Trouble, classify, unavailable};
use super::links::Links;
use super::patience::{DEADLINE, late};
use super::pauses::pauses;
use super::turns::{MAX_ABANDONED, Turn};
use crate::config::DatabaseConfig;
use crate::store::error::Result;

/// Idle connections are closed before firewalls forget them, which takes most of them minutes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What to do when work meets another's: a deadlock, or a lock that somebody keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Conflicts {
    RunAgain,
    TellAtOnce,
}

/// A pool that nobody waits in: whoever has a turn has a connection.
pub(in crate::store) struct Connections {
    pool: Pool<Links>,
    links: Links,
    /// One permit a connection.
    turns: Arc<Semaphore>,
    abandoned: Arc<AtomicUsize>,
    in_use: Gauge,
}

impl Connections {
    pub fn new(config: &DatabaseConfig, in_use: Gauge) -> Self {
        // Links of abandoned threads are still counted by the pool.
        let max_links = config.pool_size.saturating_add(MAX_ABANDONED as u32);
        let links = Links::new(config.url.clone(), config.pool_size as usize);
        let pool = Pool::builder()
            .max_size(max_links)
            .min_idle(Some(0))
            .idle_timeout(Some(IDLE_TIMEOUT))
            .connection_timeout(DEADLINE)
            .test_on_check_out(false)
            .build_unchecked(links.clone());
        let turns = Arc::new(Semaphore::new(config.pool_size as usize));
        Self { pool, links, turns, abandoned: Arc::default(), in_use }
    }

    /// Waits for a turn until the deadline.
    pub async fn turn(&self, deadline: Instant) -> Result<Arc<Turn>> {
        let permit = Arc::clone(&self.turns).acquire_owned();
        let left = deadline.saturating_duration_since(Instant::now());
        let permit = timeout(left, permit).await.map_err(|_| late())?;
        let permit = permit.map_err(|_| unavailable("the store is closed"))?;
        Ok(Arc::new(Turn::new(permit, Arc::clone(&self.abandoned), self.in_use.clone())))
    }

    /// A thread does not come back from the database: its turn goes to the next, and connections
    /// as old as its own are trusted no more.
    pub fn abandon(&self, turn: &Turn) {
        turn.abandon();
        self.links.lost();
    }

    /// Runs `work`, which must bear being run twice: again, a few times, where its connection turns
    /// out to be dead, and where it met another's work. Blocks.
    pub fn run<T>(
        &self,
        mut work: impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
        conflicts: Conflicts,
        deadline: Instant,
    ) -> std::result::Result<T, Trouble> {
        let mut pauses = pauses();
        loop {
            let error = match self.run_once(&mut work) {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            let pause = match &error {
                Trouble::Lost(_) => pauses.next(),
                Trouble::Conflict(_) if conflicts == Conflicts::RunAgain => pauses.next(),
                _ => None,
            };
            let Some(pause) = pause.filter(|pause| Instant::now() + *pause < deadline) else {
                return Err(error);
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
    ) -> std::result::Result<T, Trouble> {
        let mut link = self.pool.get().map_err(|error| unavailable(&error.to_string()))?;
        let mut connection = self.links.take(&mut link)?;
        match work(&mut connection) {
            Ok(done) => {
                self.links.put(&mut link, connection);
                Ok(done)
            }
            Err(error) => {
                let trouble = classify(&error);
                if matches!(trouble, Trouble::Lost(_)) {
                    self.links.lost();
                }
                Err(trouble)
            }
        }
    }
}
