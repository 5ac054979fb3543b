//! The threads that own connections, and the one that watches over them.
//!
//! A free thread takes the work that has waited longest. Threads that are slow do not count against
//! the limit of their kind, so that others start beside them; one that does not return is written
//! off and replaced. One thread never takes writes, so that keys can be read while writes wait for
//! a lock.
//!
//! The races:
//! - *A statement that never returns*: its requests are answered at their own deadlines; the
//!   watchdog gives its place to another thread, and whoever has a connection next ends that
//!   statement's at the database, with the locks of its transaction. Should it return after all,
//!   the thread sees that it was written off, throws its connection away and ends.
//! - *Work that comes while the last thread falls asleep*: both look at the queues with the state
//!   locked, so one of them sees the other.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;

use super::classify::{Trouble, classify};
use super::connect::ConnectionId;
use super::pool::Pool;
use super::retry::pauses;
use crate::config::DatabaseConfig;

/// A thread whose work takes longer is slow.
const SLOW: Duration = Duration::from_millis(250);
/// A statement that takes longer does not return, as far as any request can tell.
const SILENT: Duration = Duration::from_millis(4_500);
/// Threads that were written off and still hang.
const MAX_WRITTEN_OFF: usize = 64;
/// How often the watchdog looks.
const WATCH_PAUSE: Duration = Duration::from_millis(50);
/// What diesel and the client need, several times over.
const STACK_BYTES: usize = 1_024 * 1_024;

/// A kind of work.
pub trait Kind: Send + Sync {
    /// How many threads may be at it at once, but for slow ones.
    fn max_threads(&self) -> usize;
    fn writes(&self) -> bool;
    /// Since when the oldest of it waits, if any does.
    fn waits_since(&self) -> Option<Instant>;
    fn take(self: Arc<Self>) -> Option<Batch>;
}

/// What one thread does at once.
pub type Batch = Box<dyn FnOnce(&Worker) + Send>;

/// What to do when work meets another's: a deadlock, or a lock that somebody keeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    RunAgain,
    TellAtOnce,
}

/// The threads; clones share them.
#[derive(Clone)]
pub struct Workers(Arc<Shared>);

struct Shared {
    kinds: Vec<Arc<dyn Kind>>,
    pool: Pool,
    max_writers: usize,
    in_use: Gauge,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    started: u64,
    /// The one that became idle last is woken first, so that few connections are in use.
    idle: Vec<(u64, Thread)>,
    /// One that was woken, and has not come yet: it takes all that gathers until it does, so no
    /// other is woken for that.
    woken: Option<u64>,
    busy: Vec<Busy>,
    written_off: usize,
}

struct Busy {
    id: u64,
    kind: usize,
    since: Instant,
    /// When it asked the database for what it waits for now.
    asked: Instant,
    /// By which connection, if it has one.
    connection: Option<ConnectionId>,
    is_written_off: Arc<AtomicBool>,
}

/// One thread, to the work that it does.
pub struct Worker {
    id: u64,
    shared: Arc<Shared>,
    /// Written while the state is locked.
    is_written_off: Arc<AtomicBool>,
}

impl Workers {
    /// As many threads as `DATABASE_POOL_SIZE`, for work of these kinds.
    pub fn start(
        config: &DatabaseConfig,
        kinds: Vec<Arc<dyn Kind>>,
        in_use: Gauge,
    ) -> io::Result<Self> {
        let threads = config.pool_size as usize;
        let pool = Pool::new(config, (threads + MAX_WRITTEN_OFF) as u32);
        let max_writers = threads.saturating_sub(1).max(1);
        let state = Mutex::default();
        let shared = Arc::new(Shared { kinds, pool, max_writers, in_use, state });
        for _ in 0..threads {
            shared.start_worker(&mut shared.state.lock())?;
        }
        let watched = Arc::clone(&shared);
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || watched.watch())?;
        Ok(Self(shared))
    }

    /// Tells that work waits.
    pub fn wake(&self) {
        self.0.wake_one(&mut self.0.state.lock());
    }
}

impl Shared {
    fn start_worker(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        state.started += 1;
        let worker =
            Worker { id: state.started, shared: Arc::clone(self), is_written_off: Arc::default() };
        let builder = thread::Builder::new().name("database".to_owned()).stack_size(STACK_BYTES);
        builder.spawn(move || worker.work()).map(drop)
    }

    /// Whether another thread may take work of this kind.
    fn is_open(&self, state: &State, kind: usize) -> bool {
        let Some(rules) = self.kinds.get(kind) else { return false };
        let writes = |kind: usize| self.kinds.get(kind).is_some_and(|kind| kind.writes());
        let at_it = |busy: &&Busy| busy.kind == kind && busy.since.elapsed() < SLOW;
        let at_it = state.busy.iter().filter(at_it).count();
        let writers = state.busy.iter().filter(|busy| writes(busy.kind)).count();
        at_it < rules.max_threads() && (!rules.writes() || writers < self.max_writers)
    }

    /// The kind whose oldest work waits longest, of those that are open.
    fn next_kind(&self, state: &State) -> Option<usize> {
        let waiting = self.kinds.iter().enumerate();
        let waiting = waiting.filter_map(|(kind, work)| Some((work.waits_since()?, kind)));
        waiting.filter(|(_, kind)| self.is_open(state, *kind)).min().map(|(_, kind)| kind)
    }

    fn watch(self: Arc<Self>) {
        loop {
            thread::sleep(WATCH_PAUSE);
            let mut state = self.state.lock();
            self.write_off(&mut state);
            // Beside one that has become slow.
            self.wake_one(&mut state);
        }
    }

    /// Wakes a thread, if there is one and work for it.
    fn wake_one(&self, state: &mut State) {
        if state.woken.is_none()
            && !state.idle.is_empty()
            && self.next_kind(state).is_some()
            && let Some((id, thread)) = state.idle.pop()
        {
            state.woken = Some(id);
            thread.unpark();
        }
    }

    /// Replaces the threads that do not come back.
    fn write_off(self: &Arc<Self>, state: &mut State) {
        while state.written_off < MAX_WRITTEN_OFF
            && let Some(index) = state.busy.iter().position(|busy| busy.asked.elapsed() >= SILENT)
            && self.start_worker(state).is_ok()
        {
            let silent = state.busy.swap_remove(index);
            silent.is_written_off.store(true, Ordering::Relaxed);
            state.written_off += 1;
            self.pool.silent_since(silent.asked, silent.connection);
            log::warn!("the database does not answer: a thread waits for it, others go on");
        }
        self.in_use.set(state.busy.len() as i64);
    }
}

/// What a thread does next.
enum Next {
    Work(Batch),
    Wait,
    End,
}

impl Worker {
    fn work(self) {
        loop {
            match self.next() {
                Next::Work(batch) => {
                    // A panic is a bug that fails those who wait for this; others need the thread.
                    if catch_unwind(AssertUnwindSafe(|| batch(&self))).is_err() {
                        log::error!("a thread of the database panicked");
                    }
                }
                Next::Wait => {
                    thread::park();
                    // Whoever else is about to bring work does so first, and is served with it.
                    thread::yield_now();
                }
                Next::End => return,
            }
        }
    }

    fn next(&self) -> Next {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        if self.is_written_off.load(Ordering::Relaxed) {
            state.written_off -= 1;
            return Next::End;
        }
        state.woken.take_if(|id| *id == self.id);
        state.busy.retain(|busy| busy.id != self.id);
        state.idle.retain(|(id, _)| *id != self.id);
        let next = self.take(&mut state).map_or(Next::Wait, Next::Work);
        match next {
            Next::Work(_) => shared.wake_one(&mut state),
            _ => state.idle.push((self.id, thread::current())),
        }
        shared.in_use.set(state.busy.len() as i64);
        next
    }

    fn take(&self, state: &mut State) -> Option<Batch> {
        while let Some(kind) = self.shared.next_kind(state) {
            let work = self.shared.kinds.get(kind)?;
            // Nothing, if those who waited have gone.
            let Some(batch) = Arc::clone(work).take() else { continue };
            let (id, since) = (self.id, Instant::now());
            let is_written_off = Arc::clone(&self.is_written_off);
            let (asked, connection) = (since, None);
            state.busy.push(Busy { id, kind, since, asked, connection, is_written_off });
            return Some(batch);
        }
        None
    }

    /// Runs `work`, which must bear being run twice: again, a few times, where its connection turns
    /// out to be dead, and where it met another's work.
    pub fn run<T>(
        &self,
        mut work: impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
        conflicts: Conflicts,
        deadline: Instant,
    ) -> Result<T, Trouble> {
        let mut pauses = pauses();
        loop {
            let trouble = match self.run_once(&mut work) {
                Ok(done) => return Ok(done),
                Err(trouble) => trouble,
            };
            let pause = match &trouble {
                Trouble::Lost(_) => pauses.next(),
                Trouble::Conflict(_) if conflicts == Conflicts::RunAgain => pauses.next(),
                _ => None,
            };
            let Some(pause) = pause.filter(|pause| Instant::now() + *pause < deadline) else {
                return Err(trouble);
            };
            log::debug!("running a statement again in {} ms: {trouble}", pause.as_millis());
            thread::sleep(pause);
            self.asks_again();
        }
    }

    /// The connection goes back to the pool only after success: what failed may have left it in the
    /// middle of a transaction, or with a database that has become read-only.
    fn run_once<T>(
        &self,
        work: &mut impl FnMut(&mut MysqlConnection) -> QueryResult<T>,
    ) -> Result<T, Trouble> {
        let pool = &self.shared.pool;
        let mut lease = pool.lease()?;
        self.asks_by(Some(lease.id.clone()));
        let done = work(&mut lease.connection);
        self.asks_by(None);
        match done {
            Ok(done) => {
                // One that was written off has been replaced, and its connection with it.
                if !self.is_written_off.load(Ordering::Relaxed) {
                    pool.give_back(lease);
                }
                Ok(done)
            }
            Err(error) => {
                let trouble = classify(&error);
                if matches!(trouble, Trouble::Lost(_)) {
                    pool.lost(lease);
                }
                Err(trouble)
            }
        }
    }

    /// The watchdog's clock begins anew.
    fn asks_again(&self) {
        let mut state = self.shared.state.lock();
        if let Some(busy) = state.busy.iter_mut().find(|busy| busy.id == self.id) {
            busy.asked = Instant::now();
        }
    }

    fn asks_by(&self, connection: Option<ConnectionId>) {
        let mut state = self.shared.state.lock();
        if let Some(busy) = state.busy.iter_mut().find(|busy| busy.id == self.id) {
            busy.connection = connection;
        }
    }
}
