//! A code becomes a stored key: the verb that every login shares.
//!
//! Wanted: a code is exchanged once, whoever posts it how often; everybody who posts it within its
//! five minutes gets its openid; what WeChat gave is never lost. So the exchange does not belong to
//! the request that asked for it: it runs to its end even if that one hangs up.
//!
//! The races:
//! - *The same code twice, here*: the second joins the first ([`codes`]), and hears its outcome.
//! - *The same code in two processes*: WeChat refuses the second exchange. The answer is read from
//!   the row that the other process stores, waited for until the grace is over.
//! - *The store fails after the exchange*: what WeChat gave is kept in memory, and stored when the
//!   page tries again, without asking WeChat.
//! - *A code that brought a key which was revoked or erased since*: its row is asked, not the
//!   memory, so it is rejected.
//! - *A login beside the decryption that needs it*: who waits for the key is told after the commit,
//!   never before ([`crate::arrivals`]).

mod codes;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::ArbiterHandle;
use actix_rt::time::{Instant, sleep};
use tokio::sync::{Semaphore, mpsc, watch};

use self::codes::{Begin, Codes, Ended, Outcome, Run, Told, Waited};
use crate::arrivals::Arrivals;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::limits::{FailedPhones, RefusedCodes, TooMany};
use crate::metrics::Metrics;
use crate::sealing::Sealing;
use crate::store::{Budget, Login, Store, StoredLogin};
use crate::values::{CodeHash, LoginCode};
use crate::wechat::{ExchangeError, Session, Upstream, WeChat};

/// Codes that WeChat refused and that wait for another process at once. Anybody can make codes up:
/// where so many wait, this rescue is off and nothing else is.
const MAX_ASKING: usize = 512;

/// Trades codes for sessions and stores their keys. Clones share everything.
#[derive(Clone)]
pub struct Logins {
    inside: Arc<Inside>,
    /// To the thread that talks to WeChat, where logins run that may outlive their requests. As
    /// many as may be under way at once.
    jobs: mpsc::UnboundedSender<Job>,
}

/// What logins share with the rest of the server.
pub struct Parts {
    pub store: Store,
    pub sealing: Sealing,
    pub wechat: Arc<Upstream>,
    pub arrivals: Arc<Arrivals>,
    pub failed_phones: Arc<FailedPhones>,
    pub metrics: Arc<Metrics>,
}

struct Inside {
    parts: Parts,
    codes: Codes,
    /// Of those who ask whether another process has used their code.
    seats: Semaphore,
    refused_codes: RefusedCodes,
    ttl_seconds: i64,
    grace: Duration,
}

/// What a request may still wait for the database, and has waited for WeChat.
#[derive(Debug, Default)]
pub struct Waits {
    pub database: Budget,
    pub wechat: Duration,
}

/// A login to be run.
struct Job {
    run: Run,
    code: LoginCode,
    code_hash: CodeHash,
    /// What WeChat gave before, if it did.
    exchanged: Option<Session>,
}

impl Logins {
    /// Makes `thread` the one that talks to WeChat.
    pub fn new(config: &Config, parts: Parts, thread: &ArbiterHandle) -> Self {
        let wechat = Arc::clone(&parts.wechat);
        let inside = Arc::new(Inside {
            parts,
            codes: Codes::new(),
            seats: Semaphore::new(MAX_ASKING),
            refused_codes: RefusedCodes::new(config.refused_codes_per_minute),
            ttl_seconds: config.session_ttl.as_secs() as i64,
            grace: config.login_grace,
        });
        let (jobs, mut arriving) = mpsc::unbounded_channel::<Job>();
        let running = Arc::clone(&inside);
        thread.spawn_fn(move || {
            actix_rt::spawn(async move {
                let wechat = Rc::new(WeChat::new(wechat));
                while let Some(job) = arriving.recv().await {
                    let (inside, wechat) = (Arc::clone(&running), Rc::clone(&wechat));
                    actix_rt::spawn(async move { inside.run(job, &wechat).await });
                }
            });
        });
        Self { inside, jobs }
    }

    /// Answers only after the key is committed; the same code again gets the same openid. `address`
    /// is the caller's, where somebody names it who is trusted.
    pub async fn login(
        &self,
        code: LoginCode,
        address: Option<IpAddr>,
        waits: &mut Waits,
    ) -> Result<StoredLogin> {
        let refused_codes = &self.inside.refused_codes;
        let too_many = |TooMany { again_in }| Error::TooMany {
            what: "refused codes of one address",
            again_in,
        };
        refused_codes.allow(address).map_err(too_many)?;
        let outcome = self.outcome(code, waits).await;
        if let Err(Error::CodeRejected(_) | Error::PhoneCodeRejected(_)) = outcome {
            refused_codes.count(address);
        }
        outcome
    }

    async fn outcome(&self, code: LoginCode, waits: &mut Waits) -> Outcome {
        let (inside, code_hash) = (&self.inside, code.hash());
        match inside.codes.begin(code_hash)? {
            Begin::Repeated => inside.again(inside.repeat(code_hash, &mut waits.database).await),
            Begin::Refused(error) => {
                inside.again(inside.look_again(code_hash, error, &mut waits.database).await)
            }
            Begin::Join(outcome) => inside.again(outcome_of(outcome, waits).await),
            Begin::Run(run, exchanged) => {
                let outcome = run.receiver();
                // One that cannot be sent ends without an outcome, which is told below.
                let _ = self.jobs.send(Job { run, code, code_hash, exchanged });
                outcome_of(outcome, waits).await
            }
        }
    }

    /// Waits until no login is under way, at most this long.
    pub async fn finish(&self, limit: Duration) {
        const PAUSE: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + limit;
        while self.inside.codes.running() > 0 && Instant::now() < deadline {
            sleep(PAUSE).await;
        }
    }
}

impl Inside {
    async fn run(&self, job: Job, wechat: &WeChat) {
        let Job { mut run, code, code_hash, exchanged } = job;
        let is_again = exchanged.is_some();
        let begun = Instant::now();
        let exchanged = match exchanged {
            Some(session) => Ok(session),
            None => wechat.exchange(&code, &self.parts.metrics.exchanges).await,
        };
        let wechat = begun.elapsed();
        let mut budget = Budget::new();
        let (outcome, left) = match exchanged {
            Ok(session) => self.save(code_hash, session, &mut budget).await,
            Err(error @ ExchangeError::CodeRejected(_)) => {
                run.give_up_place();
                let refusal = Error::from(error).about(&code);
                self.ask_other_processes(code_hash, refusal, &mut budget).await
            }
            Err(error @ ExchangeError::UserBlocked(_)) => {
                let error = Error::from(error);
                (Err(error.clone()), Some(Ended::Refused(error)))
            }
            Err(error) => (Err(error.into()), None),
        };
        let outcome = if is_again { self.again(outcome) } else { outcome };
        run.end((outcome, Waited { wechat, database: budget.spent() }), left);
    }

    /// Keeps what WeChat gave if the store fails, since WeChat gives it only once.
    async fn save(
        &self,
        code_hash: CodeHash,
        session: Session,
        budget: &mut Budget,
    ) -> (Outcome, Option<Ended>) {
        match self.store_session(code_hash, &session, budget).await {
            Ok(stored) => {
                self.parts.failed_phones.forget(&stored.key.openid);
                self.parts.arrivals.announce(&stored.key);
                stored_outcome(stored)
            }
            Err(error) => (Err(error), Some(Ended::Exchanged(session))),
        }
    }

    async fn store_session(
        &self,
        code_hash: CodeHash,
        session: &Session,
        budget: &mut Budget,
    ) -> Result<StoredLogin> {
        let session_key = self.parts.sealing.seal(&session.openid, &session.session_key)?;
        let login = Login {
            openid: session.openid.clone(),
            unionid: session.unionid.clone(),
            fingerprint: session.session_key.fingerprint(),
            session_key,
            code_hash,
            ttl_seconds: self.ttl_seconds,
        };
        Ok(self.parts.store.save_login(login, budget).await?)
    }

    /// WeChat refused a code: another process may have used it, and be about to store its key.
    async fn ask_other_processes(
        &self,
        code_hash: CodeHash,
        refusal: Error,
        budget: &mut Budget,
    ) -> (Outcome, Option<Ended>) {
        let Ok(_seat) = self.seats.try_acquire() else {
            return (Err(refusal.clone()), Some(Ended::Refused(refusal)));
        };
        let deadline = Instant::now() + self.grace;
        match self.find_until(code_hash, deadline, budget).await {
            Ok(Some(found)) => {
                self.parts.metrics.codes_answered_again.inc();
                stored_outcome(found)
            }
            Ok(None) => (Err(refusal.clone()), Some(Ended::Refused(refusal))),
            Err(error) => (Err(error), None),
        }
    }

    async fn find_until(
        &self,
        code: CodeHash,
        deadline: Instant,
        budget: &mut Budget,
    ) -> Result<Option<StoredLogin>> {
        loop {
            let is_last_look = Instant::now() >= deadline;
            let found = self.find(code, budget).await?;
            if found.is_some() || is_last_look {
                return Ok(found);
            }
            self.parts.arrivals.key_by(code, deadline).await;
        }
    }

    /// The login that a code brought, whoever exchanged it, as long as the code may be repeated.
    async fn find(&self, code: CodeHash, budget: &mut Budget) -> Result<Option<StoredLogin>> {
        Ok(self.parts.store.login_by_code(code, budget).await?)
    }

    /// WeChat refused this code a moment ago, but another process may have stored its key since.
    async fn look_again(&self, code: CodeHash, refusal: Error, budget: &mut Budget) -> Outcome {
        let Ok(_seat) = self.seats.try_acquire() else {
            return Err(refusal);
        };
        self.find(code, budget).await?.ok_or(refusal)
    }

    /// Counts an answer that cost no exchange.
    fn again(&self, outcome: Outcome) -> Outcome {
        if outcome.is_ok() {
            self.parts.metrics.codes_answered_again.inc();
        }
        outcome
    }

    /// A code that brought its key before. If the database does not know the code any more, an admin
    /// took it away, with its key or with its user; that a later login brought the same key again,
    /// changes nothing for this code.
    async fn repeat(&self, code: CodeHash, budget: &mut Budget) -> Result<StoredLogin> {
        // MariaDB finds nothing, and says nothing, where somebody kills the search.
        for _ in 0..2 {
            if let Some(found) = self.find(code, budget).await? {
                return Ok(found);
            }
        }
        Err(Error::CodeRejected("what this code brought is gone".to_owned()))
    }
}

/// What the login waited for is the request's own waiting, as far as it was there.
async fn outcome_of(mut outcome: watch::Receiver<Option<Told>>, waits: &mut Waits) -> Outcome {
    let begun = Instant::now();
    let told = outcome.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
    let lost =
        || (Err(Error::Internal("a login ended without an outcome".to_owned())), Waited::default());
    let (outcome, waited) = told.unwrap_or_else(lost);
    waits.database.spend(waited.database.min(begun.elapsed()));
    waits.wechat += waited.wechat.min(begun.elapsed());
    outcome
}

fn stored_outcome(login: StoredLogin) -> (Outcome, Option<Ended>) {
    (Ok(login), Some(Ended::Stored))
}
