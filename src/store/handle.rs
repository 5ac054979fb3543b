//! The database, as the server uses it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use actix_rt::time::timeout;
use chrono::NaiveDate;
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;

use super::codes;
use super::connection::connections::{Conflicts, Connections};
use super::connection::lane::Lane;
use super::connection::patience::{DEADLINE, late, wait_for};
use super::connection::turns::Waiting;
use super::error::{Result, StoreError};
use super::key_ages::{self, KeyAge};
use super::logins::SaveLogins;
use super::migrations::{self, SchemaState};
use super::phones;
use super::rings::{KeyRing, ReadRings};
use super::sessions::{self, KeyId, Login, PurgedBatch, StoredLogin};
use crate::config::DatabaseConfig;
use crate::metrics::StoreMetrics;
use crate::values::{CodeHash, OpenId, Phone};

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

    /// The user and their living keys; `None` for an openid that never logged in.
    pub async fn key_ring(&self, openid: OpenId) -> Result<Option<Arc<KeyRing>>> {
        self.rings.run(openid).await
    }

    /// Creates the user if there is none, and stores one more key for them: one that is known
    /// moves its times forward, never back.
    pub async fn save_login(&self, login: Login) -> Result<StoredLogin> {
        self.logins.run(login).await
    }

    /// A login that stored this key, if the key is alive.
    pub async fn login_by_key(&self, key: KeyId) -> Result<Option<StoredLogin>> {
        self.run(move |connection| sessions::login_by_key(connection, &key)).await
    }

    /// The login that this code brought, as long as the code may be posted again and its key is
    /// alive.
    pub async fn login_by_code(&self, code: CodeHash) -> Result<Option<StoredLogin>> {
        self.run(move |connection| codes::login_by_code(connection, &code)).await
    }

    /// The living keys of these users.
    pub async fn living_keys(&self, openids: Vec<OpenId>) -> Result<Vec<KeyId>> {
        self.run(move |connection| sessions::living_keys(connection, &openids)).await
    }

    /// Which of these codes have brought a key.
    pub async fn stored_codes(&self, codes: Vec<CodeHash>) -> Result<Vec<CodeHash>> {
        self.run(move |connection| codes::stored_codes(connection, &codes)).await
    }

    /// Makes this the user's phone, unless what is stored comes from newer data, and records the
    /// number that it replaces. Returns false where the user is gone.
    pub async fn save_phone(&self, openid: OpenId, phone: Phone) -> Result<bool> {
        self.run(move |connection| phones::save_phone(connection, &openid, &phone)).await
    }

    /// Removes one batch of expired keys and says whether there may be more.
    pub async fn purge_batch(&self) -> Result<PurgedBatch> {
        self.run(sessions::purge_batch).await
    }

    /// Removes codes that can no longer be posted again; returns how many.
    pub async fn purge_codes(&self) -> Result<usize> {
        self.run(codes::purge_codes).await
    }

    /// The day, UTC, by the database's clock.
    pub async fn today(&self) -> Result<NaiveDate> {
        self.run(key_ages::today).await
    }

    /// Stores the decryptions that one writer has counted on a day so far; again changes nothing.
    pub async fn save_key_ages(
        &self,
        day: NaiveDate,
        writer: u64,
        totals: Vec<(KeyAge, u64)>,
    ) -> Result<()> {
        self.run(move |connection| key_ages::save_key_ages(connection, day, writer, &totals)).await
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
        wait_for(answer).await
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
