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
    last: Mutex<Option<(Instant, Result<()>)>>,
    /// Whether the last answer was good, and whether a request has met something else since.
    is_good: AtomicBool,
    is_doubtful: AtomicBool,
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
        let is_doubtful = self.is_doubtful.swap(false, Ordering::Relaxed);
        if let Some((asked, answer)) = last.as_ref()
            && asked.elapsed() < PAUSE
            && !is_doubtful
        {
            return answer.clone();
        }
        let answer = self.ask().await;
        self.is_good.store(answer.is_ok(), Ordering::Relaxed);
        *last = Some((Instant::now(), answer.clone()));
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
