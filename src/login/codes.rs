//! What this process knows of the codes it has met, so that a code posted twice is exchanged once.
//! No I/O.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
/// Codes that are over, some 400 bytes each. An older one is asked of WeChat again, and then found
/// in the database. Less than half of what 16,384 places of a hash table hold: one that is fuller
/// doubles as entries come and go.
const MAX_REMEMBERED: usize = 7_000;

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
#[derive(Clone)]
pub struct Codes {
    memory: Arc<Mutex<Memory>>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct Memory {
    running: HashMap<CodeHash, watch::Receiver<Option<Told>>>,
    over: HashMap<CodeHash, Over>,
    /// The codes in `over`, oldest first, with the time that tells a newer entry of a code apart.
    oldest_first: VecDeque<(Instant, CodeHash)>,
}

/// What is left of a code.
#[derive(Clone)]
pub enum Ended {
    /// WeChat gave a session that the store could not take.
    Exchanged(Session),
    /// It brought a key, which the database has.
    Stored,
    /// WeChat refused it.
    Refused(Error),
}

struct Over {
    since: Instant,
    ended: Ended,
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
        Self { memory: Arc::default(), places: Arc::new(Semaphore::new(MAX_RUNNING)) }
    }

    /// Looks a code up, and marks it as running if nobody works on it.
    pub fn begin(&self, code: CodeHash) -> Result<Begin> {
        let mut memory = self.lock();
        if let Some(outcome) = memory.running.get(&code) {
            return Ok(Begin::Join(outcome.clone()));
        }
        let exchanged = match memory.ended(&code) {
            Some(Ended::Stored) => return Ok(Begin::Repeated),
            Some(Ended::Refused(error)) => return Ok(Begin::Refused(error)),
            Some(Ended::Exchanged(session)) => Some(session),
            None => None,
        };
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = Some(place.map_err(|_| Error::Busy("the queue of logins"))?);
        let (outcome, receiver) = watch::channel(None);
        memory.running.insert(code, receiver);
        Ok(Begin::Run(Run { codes: self.clone(), code, place, outcome, is_over: false }, exchanged))
    }

    /// How many logins are under way.
    pub fn running(&self) -> usize {
        self.lock().running.len()
    }

    /// The memory is whole after every step, so a thread that panicked left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    fn ended(&self, code: &CodeHash) -> Option<Ended> {
        let over = self.over.get(code)?;
        let lifetime = match over.ended {
            Ended::Refused(_) => REFUSAL_LIFETIME,
            Ended::Exchanged(_) | Ended::Stored => CODE_LIFETIME,
        };
        (over.since.elapsed() < lifetime).then(|| over.ended.clone())
    }

    fn remember(&mut self, code: CodeHash, ended: Ended) {
        let since = Instant::now();
        self.over.insert(code, Over { since, ended });
        self.oldest_first.push_back((since, code));
        while let Some((since, code)) = self.oldest_first.front().copied() {
            if self.oldest_first.len() <= MAX_REMEMBERED && since.elapsed() < CODE_LIFETIME {
                break;
            }
            self.oldest_first.pop_front();
            if self.over.get(&code).is_some_and(|over| over.since == since) {
                self.over.remove(&code);
            }
        }
    }
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
        let mut memory = self.codes.lock();
        memory.running.remove(&self.code);
        if let Some(ended) = left {
            memory.remember(self.code, ended);
        }
        drop(memory);
        self.is_over = true;
        self.outcome.send_replace(Some(told));
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.is_over {
            self.codes.lock().running.remove(&self.code);
        }
    }
}
