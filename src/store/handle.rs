//! The database, as the server uses it: which kind of work each question is.

use std::io;
use std::sync::Arc;

use chrono::NaiveDate;
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use tokio::sync::oneshot;

use super::codes::{self, FindLogins};
use super::connection::{Budget, Queue, Statement, Workers};
use super::error::{Result, StoreError};
use super::key_ages::{self, KeyAge};
use super::logins::SaveLogins;
use super::migrations::{self, SchemaState};
use super::orphans;
use super::phones::SavePhones;
use super::retention;
use super::rings::{self, KeyRing, ReadRings};
use super::sessions::{self, KeyId, Login, PurgedBatch, StoredLogin};
use crate::config::DatabaseConfig;
use crate::metrics::StoreMetrics;
use crate::values::{CodeHash, OpenId, Phone};

/// The database. Clones share everything.
///
/// What many requests need is joined: one statement reads the key rings, stores the logins or the
/// phones, or looks up the codes of many. Everything else runs by itself.
#[derive(Clone)]
pub struct Store {
    workers: Workers,
    rings: Arc<Queue<ReadRings>>,
    logins: Arc<Queue<SaveLogins>>,
    phones: Arc<Queue<SavePhones>>,
    codes: Arc<Queue<FindLogins>>,
    reads: Arc<Queue<Reads>>,
    writes: Arc<Queue<Writes>>,
}

/// Work that is not joined.
type Work = Box<dyn FnMut(&mut MysqlConnection) -> QueryResult<()> + Send>;

struct Reads;
struct Writes;

impl Store {
    /// Connects when first used; fails where the system gives no threads.
    pub fn new(config: &DatabaseConfig, metrics: &StoreMetrics) -> io::Result<Self> {
        let rings = Queue::new(metrics.rings.clone());
        let logins = Queue::new(metrics.logins.clone());
        let phones = Queue::new(metrics.phones.clone());
        let codes = Queue::new(metrics.codes.clone());
        let reads = Queue::new(metrics.reads.clone());
        let writes = Queue::new(metrics.writes.clone());
        let workers = Workers::start(
            config,
            vec![
                rings.clone(),
                logins.clone(),
                phones.clone(),
                codes.clone(),
                reads.clone(),
                writes.clone(),
            ],
            metrics.connections_in_use.clone(),
        )?;
        Ok(Self { workers, rings, logins, phones, codes, reads, writes })
    }

    /// Whether the database answers, and how its schema compares with this binary's.
    pub async fn schema_state(&self) -> Result<SchemaState> {
        self.read(migrations::schema_state).await
    }

    /// The user and their living keys; `None` for an openid that never logged in.
    pub async fn key_ring(
        &self,
        openid: OpenId,
        budget: &mut Budget,
    ) -> Result<Option<Arc<KeyRing>>> {
        self.ask(&self.rings, openid, budget).await
    }

    /// Creates the user if there is none, and stores one more key for them: one that is known
    /// moves its times forward, never back.
    pub async fn save_login(&self, login: Login, budget: &mut Budget) -> Result<StoredLogin> {
        self.ask(&self.logins, login, budget).await
    }

    /// The login that this code brought, as long as the code may be posted again and its key is
    /// alive.
    pub async fn login_by_code(
        &self,
        code: CodeHash,
        budget: &mut Budget,
    ) -> Result<Option<StoredLogin>> {
        self.ask(&self.codes, code, budget).await
    }

    /// The keys that would be tried for these users.
    pub async fn keys_in_rings(&self, openids: Vec<OpenId>) -> Result<Vec<KeyId>> {
        self.read(move |connection| rings::keys_in_rings(connection, &openids)).await
    }

    /// Which of these codes have brought a key.
    pub async fn stored_codes(&self, codes: Vec<CodeHash>) -> Result<Vec<CodeHash>> {
        self.read(move |connection| codes::stored_codes(connection, &codes)).await
    }

    /// Makes this the user's phone, unless what is stored comes from newer data, and records the
    /// number that it replaces. Returns false where the user is gone.
    pub async fn save_phone(
        &self,
        openid: OpenId,
        phone: Phone,
        budget: &mut Budget,
    ) -> Result<bool> {
        self.ask(&self.phones, (openid, phone), budget).await
    }

    /// Removes one batch of expired keys and says whether there may be more.
    pub async fn purge_batch(&self) -> Result<PurgedBatch> {
        self.write(sessions::purge_batch).await
    }

    /// Removes one batch of the codes that can no longer be posted again.
    pub async fn purge_codes(&self) -> Result<PurgedBatch> {
        self.write(codes::purge_codes).await
    }

    /// Minutes since 1970 by the database's clock.
    pub async fn current_minute(&self) -> Result<u32> {
        self.read(orphans::current_minute).await
    }

    /// Removes one batch of the keys that came in a minute and have no user.
    pub async fn purge_orphans(&self, minute: u32) -> Result<PurgedBatch> {
        let purge = move |connection: &mut _| orphans::purge_orphans(connection, minute);
        self.write(purge).await
    }

    /// Removes some of what histories have kept too long.
    pub async fn purge_histories(&self) -> Result<PurgedBatch> {
        let phones = self.write(retention::purge_phone_history).await?;
        let ages = self.write(retention::purge_key_ages).await?;
        Ok(PurgedBatch {
            removed: phones.removed + ages.removed,
            may_be_more: phones.may_be_more || ages.may_be_more,
        })
    }

    /// The day, UTC, by the database's clock.
    pub async fn today(&self) -> Result<NaiveDate> {
        self.read(key_ages::today).await
    }

    /// Stores the decryptions that one writer has counted on a day so far; again changes nothing.
    pub async fn save_key_ages(
        &self,
        day: NaiveDate,
        writer: u64,
        totals: Vec<(KeyAge, u64)>,
    ) -> Result<()> {
        let save = move |connection: &mut MysqlConnection| {
            key_ages::save_key_ages(connection, day, writer, &totals)
        };
        self.write(save).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        let (work, answer) = with_answer(work);
        self.ask(&self.reads, work, &mut Budget::new()).await?;
        read_answer(answer)
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
    ) -> Result<T> {
        let (work, answer) = with_answer(work);
        self.ask(&self.writes, work, &mut Budget::new()).await?;
        read_answer(answer)
    }

    async fn ask<S: Statement>(
        &self,
        queue: &Queue<S>,
        input: S::Input,
        budget: &mut Budget,
    ) -> Result<S::Output> {
        let outcome = queue.push(input, budget)?;
        self.workers.wake();
        budget.wait_for(outcome).await
    }
}

/// The work without its answer, which comes from the receiver.
fn with_answer<T: Send + 'static>(
    work: impl Fn(&mut MysqlConnection) -> QueryResult<T> + Send + 'static,
) -> (Work, oneshot::Receiver<T>) {
    let (sender, answer) = oneshot::channel();
    let mut sender = Some(sender);
    let work = move |connection: &mut MysqlConnection| {
        let answer = work(connection)?;
        // Nobody waits any more for what cannot be sent.
        let _ = sender.take().map(|sender| sender.send(answer));
        Ok(())
    };
    (Box::new(work), answer)
}

fn read_answer<T>(mut answer: oneshot::Receiver<T>) -> Result<T> {
    answer.try_recv().map_err(|_| StoreError::Bug("work ended without an answer".to_owned()))
}

/// Work that waits by itself and runs by itself.
macro_rules! single {
    ($name:ty, writes: $writes:literal) => {
        impl Statement for $name {
            type Input = Work;
            type Output = ();

            const MAX_BATCH: usize = 1;
            const MAX_THREADS: usize = usize::MAX;
            const WRITES: bool = $writes;

            fn run(connection: &mut MysqlConnection, work: &mut [Work]) -> QueryResult<Vec<()>> {
                work.iter_mut().map(|work| work(connection)).collect()
            }
        }
    };
}

single!(Reads, writes: false);
single!(Writes, writes: true);
