//! `GET /healthz`: the process serves. `GET /readyz`: its database answers and is up to date.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_rt::time::Instant;
use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use tokio::sync::Mutex;

use crate::error::{Error, Result};
use crate::http::stopping::Stopping;
use crate::store::{SchemaState, Store};

/// How often the database is asked, at most, by whomever `/readyz` is.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether the database is as requests need it, as it was a moment ago.
pub struct Readiness {
    store: Store,
    last: Mutex<Option<Asked>>,
    /// Whether the last answer was good, and whether a request has met something else since.
    is_good: AtomicBool,
    is_doubtful: AtomicBool,
}

struct Asked {
    at: Instant,
    answer: Result<()>,
    /// It was asked before its time, as a request had met something else, and there was nothing new:
    /// so no doubt counts until the next time.
    is_confirmed: bool,
}

impl Readiness {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            last: Mutex::default(),
            is_good: AtomicBool::default(),
            is_doubtful: AtomicBool::default(),
        }
    }

    /// Who comes while the database is asked waits for that answer.
    async fn now(&self) -> Result<()> {
        let mut last = self.last.lock().await;
        let is_doubtful = self.is_doubtful.load(Ordering::Relaxed);
        let is_fresh =
            |asked: &Asked| asked.at.elapsed() < PAUSE && (asked.is_confirmed || !is_doubtful);
        if let Some(asked) = last.as_ref().filter(|asked| is_fresh(asked)) {
            return asked.answer.clone();
        }
        let answer = self.ask().await;
        self.is_good.store(answer.is_ok(), Ordering::Relaxed);
        // What requests met meanwhile is no newer than this answer.
        self.is_doubtful.store(false, Ordering::Relaxed);
        let was_good = last.as_ref().map(|asked| asked.answer.is_ok());
        let is_confirmed = is_doubtful && was_good == Some(answer.is_ok());
        *last = Some(Asked { at: Instant::now(), answer: answer.clone(), is_confirmed });
        answer
    }

    /// Whether the database worked for a request: where it knows better, the last answer is not
    /// repeated.
    pub fn heard(&self, works: bool) {
        if self.is_good.load(Ordering::Relaxed) != works {
            self.is_doubtful.store(true, Ordering::Relaxed);
        }
    }

    async fn ask(&self) -> Result<()> {
        match self.store.schema_state().await? {
            SchemaState::Current => Ok(()),
            SchemaState::Pending(count) => Err(Error::DatabaseUnavailable(format!(
                "{count} migrations are not applied: run `wxauth migrate`"
            ))),
        }
    }
}

#[derive(Serialize)]
struct Answer {
    status: &'static str,
}

pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Answer { status: "ok" })
}

/// 503 once the server is stopping, so that a balancer sends no more.
pub async fn readyz(readiness: Data<Readiness>, stopping: Data<Stopping>) -> Result<HttpResponse> {
    if stopping.has_begun() {
        return Err(Error::Stopping);
    }
    readiness.now().await?;
    Ok(HttpResponse::Ok().json(Answer { status: "ok" }))
}
