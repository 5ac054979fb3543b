//! What this process knows of the codes it has met, so that a code posted twice is exchanged once.
//! No I/O.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::error::{Error, Result};
use crate::store::StoredLogin;
use crate::values::CodeHash;
use crate::wechat::Session;

/// How long WeChat keeps a code (its documentation), and so how long a page may post it again.
const CODE_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long WeChat's refusal of a code is passed on without asking again.
const REFUSAL_LIFETIME: Duration = Duration::from_secs(30);
/// Logins under way at once: the exchange and the store. A code that WeChat refused is not under
/// way any more, or made-up ones would take the places of others.
const MAX_RUNNING: usize = 2_048;
/// Codes that are over, of each kind, some 400 bytes each. An older one is asked of WeChat again, and
/// then found in the database.
const MAX_REMEMBERED: u64 = 7_000;

/// What came of a code, for all who posted it.
pub type Outcome = Result<StoredLogin>;

/// An outcome, and what was waited for until it came.
pub type Told = (Outcome, Waited);

/// How long a login waited for others.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waited {
    pub wechat: Duration,
    pub database: Duration,
}

/// The memory; clones share it.
///
/// Each kind of what is left of a code has a memory of its own: made-up codes, which anybody can post by
/// the thousand, push out no session that WeChat gives only once.
#[derive(Clone)]
pub struct Codes(Arc<Inside>);

struct Inside {
    running: Mutex<HashMap<CodeHash, watch::Receiver<Option<Told>>>>,
    exchanged: Cache<CodeHash, Session>,
    stored: Cache<CodeHash, ()>,
    refused: Cache<CodeHash, Error>,
    places: Arc<Semaphore>,
}

/// What is left of a code.
pub enum Ended {
    /// WeChat gave a session that the store could not take.
    Exchanged(Session),
    /// It brought a key, which the database has.
    Stored,
    /// WeChat refused it.
    Refused(Error),
}

/// What to do about a code.
pub enum Begin {
    /// Somebody else does it: wait for their outcome.
    Join(watch::Receiver<Option<Told>>),
    /// Do it, with the session that WeChat gave already, if it did.
    Run(Run, Option<Session>),
    /// It brought a key before.
    Repeated,
    /// WeChat refused it a moment ago.
    Refused(Error),
}

impl Codes {
    pub fn new() -> Self {
        Self(Arc::new(Inside {
            running: Mutex::default(),
            exchanged: memory(CODE_LIFETIME),
            stored: memory(CODE_LIFETIME),
            refused: memory(REFUSAL_LIFETIME),
            places: Arc::new(Semaphore::new(MAX_RUNNING)),
        }))
    }

    /// Looks a code up, and marks it as running if nobody works on it.
    pub fn begin(&self, code: CodeHash) -> Result<Begin> {
        let mut running = self.0.running.lock();
        if let Some(outcome) = running.get(&code) {
            return Ok(Begin::Join(outcome.clone()));
        }
        if self.0.stored.contains_key(&code) {
            return Ok(Begin::Repeated);
        }
        if let Some(error) = recall(&self.0.refused, &code) {
            return Ok(Begin::Refused(error));
        }
        let place = Arc::clone(&self.0.places).try_acquire_owned();
        let place = Some(place.map_err(|_| Error::Busy("the queue of logins"))?);
        let (outcome, receiver) = watch::channel(None);
        running.insert(code, receiver);
        let run = Run { codes: self.clone(), code, place, outcome, is_over: false };
        Ok(Begin::Run(run, recall(&self.0.exchanged, &code)))
    }

    /// How many logins are under way.
    pub fn running(&self) -> usize {
        self.0.running.lock().len()
    }

    fn remember(&self, code: CodeHash, ended: Ended) {
        match ended {
            Ended::Exchanged(session) => self.0.exchanged.insert(code, session),
            Ended::Stored => {
                if self.0.exchanged.contains_key(&code) {
                    self.0.exchanged.invalidate(&code);
                }
                self.0.stored.insert(code, ());
            }
            Ended::Refused(error) => self.0.refused.insert(code, error),
        }
    }
}

/// Nearly every code is new, and moka notes what it is asked for and does not have.
fn recall<T: Clone + Send + Sync + 'static>(
    memory: &Cache<CodeHash, T>,
    code: &CodeHash,
) -> Option<T> {
    memory.contains_key(code).then(|| memory.get(code)).flatten()
}

/// Where it is full, the oldest give way: moka's own choice would turn new ones away.
fn memory<T: Clone + Send + Sync + 'static>(lifetime: Duration) -> Cache<CodeHash, T> {
    Cache::builder()
        .max_capacity(MAX_REMEMBERED)
        .time_to_live(lifetime)
        .eviction_policy(EvictionPolicy::lru())
        .build()
}

/// The right and the duty to tell what came of a code. Dropping it tells that nothing did.
pub struct Run {
    codes: Codes,
    code: CodeHash,
    place: Option<OwnedSemaphorePermit>,
    outcome: watch::Sender<Option<Told>>,
    is_over: bool,
}

impl Run {
    /// The outcome that [`Run::end`] will tell.
    pub fn receiver(&self) -> watch::Receiver<Option<Told>> {
        self.outcome.subscribe()
    }

    /// Makes room for other codes. Who posts this one still waits for its outcome.
    pub fn give_up_place(&mut self) {
        self.place = None;
    }

    /// Tells the outcome to all who wait; what is left of the code is remembered.
    ///
    /// In the same instant the code stops running, before anybody hears of it: who posts it again
    /// on hearing gets what is true then.
    pub fn end(mut self, told: Told, left: Option<Ended>) {
        let mut running = self.codes.0.running.lock();
        running.remove(&self.code);
        if let Some(ended) = left {
            self.codes.remember(self.code, ended);
        }
        drop(running);
        self.is_over = true;
        self.outcome.send_replace(Some(told));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.is_over {
            self.codes.0.running.lock().remove(&self.code);
        }
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;
    use crate::values::{LoginCode, OpenId, SessionKey};

    fn hash(number: u64) -> CodeHash {
        LoginCode::parse(&format!("made-up-{number}")).expect("a code").hash()
    }

    #[test]
    fn refused_codes_push_out_no_session_that_could_not_be_stored() {
        let codes = Codes::new();
        let session = Session {
            openid: OpenId::parse("oAlice").expect("an openid"),
            session_key: SessionKey::parse("Y2FuYXJ5LXNlc3Npb24tMQ==").expect("a key"),
            unionid: None,
        };
        codes.remember(hash(0), Ended::Exchanged(session));
        for number in 1..=3 * MAX_REMEMBERED {
            codes.remember(hash(number), Ended::Refused(Error::CodeRejected(String::new())));
        }
        codes.0.refused.run_pending_tasks();

        assert!(codes.0.refused.entry_count() <= MAX_REMEMBERED);
        assert!(matches!(codes.begin(hash(3 * MAX_REMEMBERED)), Ok(Begin::Refused(_))));
        assert!(matches!(codes.begin(hash(0)), Ok(Begin::Run(_, Some(_)))));
        codes.remember(hash(0), Ended::Stored);
        assert!(matches!(codes.begin(hash(0)), Ok(Begin::Repeated)));
    }
}
