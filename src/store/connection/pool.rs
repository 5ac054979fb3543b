//! Connections that wait for their next use, and which of them can still be trusted.
//!
//! r2d2 would connect on threads of its own: a database that does not answer would block them for
//! good, and one that refuses would be asked again only after a growing pause. So it lends slots,
//! the last one used first, and never waits; the thread that has one connects.

use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use diesel::mysql::MysqlConnection;
use parking_lot::Mutex;
use r2d2::{ManageConnection, PooledConnection};

use super::classify::{Trouble, unavailable};
use super::connect::{ConnectionId, connect, connection_id, expect_greeting};
use super::session::LockWaits;
use super::tls::Target;
use crate::config::DatabaseConfig;

/// Idle connections are closed before firewalls forget them, which takes most of them minutes.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// No connection is used for longer, so that a name that moved is followed; each ends up to a quarter
/// earlier, so that not all end at once.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// A slot is made at once; r2d2 asks for some limit.
const SLOT_TIMEOUT: Duration = Duration::from_secs(1);
/// However many connections fail at once, those that were made after the first are kept.
const MIN_GENERATION: Duration = Duration::from_secs(1);

pub struct Pool {
    slots: r2d2::Pool<Slots>,
    max_idle: u32,
    target: Target,
    generation: Mutex<Generation>,
    /// Whether a thread has not come back, and no connection was made since.
    is_doubted: AtomicBool,
}

/// Tells connections that were made before the database failed from those after.
struct Generation {
    number: u64,
    begun: Option<Instant>,
    last_success: Instant,
    /// Connections from which nothing came back, each of one thread that was written off.
    abandoned: Vec<ConnectionId>,
}

/// A connection for one piece of work. Dropping it closes the connection.
pub struct Lease {
    slot: PooledConnection<Slots>,
    pub connection: MysqlConnection,
    pub id: ConnectionId,
    generation: u64,
    retires: Instant,
}

impl Pool {
    /// For so many threads, those that were written off included.
    pub fn new(config: &DatabaseConfig, threads: u32) -> Self {
        let slots = r2d2::Pool::builder()
            .max_size(threads)
            .min_idle(Some(0))
            .idle_timeout(Some(IDLE_TIMEOUT))
            .connection_timeout(SLOT_TIMEOUT)
            .test_on_check_out(false)
            .build_unchecked(Slots);
        let (last_success, abandoned) = (Instant::now(), Vec::new());
        let generation = Mutex::new(Generation { number: 0, begun: None, last_success, abandoned });
        let (max_idle, target) = (config.pool_size, Target::of(config));
        Self { slots, max_idle, target, generation, is_doubted: AtomicBool::new(false) }
    }

    /// A connection of the present generation: an idle one, or a new one. Blocks.
    pub fn lease(&self) -> Result<Lease, Trouble> {
        let mut slot = self.slots.get().map_err(|error| unavailable(&error.to_string()))?;
        let generation = self.generation.lock().number;
        let is_good = |idle: &Idle| idle.generation == generation && Instant::now() < idle.retires;
        let idle = match slot.0.take().filter(is_good) {
            Some(idle) => idle,
            None => {
                let (connection, id) = self.connect()?;
                Idle { connection, id, generation, retires: retirement() }
            }
        };
        let Idle { mut connection, id, generation, retires } = idle;
        self.end_abandoned(&mut connection, &id);
        Ok(Lease { slot, connection, id, generation, retires })
    }

    /// Takes back a connection that has just worked. It is closed if there are enough: r2d2 makes
    /// a slot for whoever comes while none is idle, also if another is given back meanwhile.
    pub fn give_back(&self, lease: Lease) {
        let Lease { mut slot, connection, id, generation, retires } = lease;
        let mut state = self.generation.lock();
        state.last_success = Instant::now();
        let idle = Idle { connection, id, generation, retires };
        let surplus = match self.slots.state().idle_connections < self.max_idle {
            true => slot.0.replace(idle),
            false => Some(idle),
        };
        // Who comes next must count this one. Closing one takes longer, and is nobody's business.
        drop(slot);
        drop(state);
        drop(surplus);
    }

    /// A connection turned out to be dead: those as old as it may be so too, as after a restart of
    /// the database, and are made anew rather than asked. What an older one meets changes nothing.
    pub fn lost(&self, lease: Lease) {
        let mut generation = self.generation.lock();
        if lease.generation == generation.number {
            generation.begin_next();
        }
    }

    /// What began then does not return. If others have succeeded since, that is its own trouble; if
    /// none has, no connection is trusted any more. Either way a new one may hang too.
    pub fn silent_since(&self, began: Instant, id: Option<ConnectionId>) {
        self.is_doubted.store(true, Ordering::Relaxed);
        let mut generation = self.generation.lock();
        generation.abandoned.extend(id);
        if generation.last_success < began {
            generation.begin_next();
        }
    }

    fn connect(&self) -> Result<(MysqlConnection, ConnectionId), Trouble> {
        if self.is_doubted.load(Ordering::Relaxed) {
            expect_greeting(&self.target)?;
        }
        let mut connection = connect(&self.target, LockWaits::Short)?;
        let id = connection_id(&mut connection)?;
        self.is_doubted.store(false, Ordering::Relaxed);
        Ok((connection, id))
    }

    /// What the network cut off in the middle of a transaction keeps its locks at the database, at
    /// MySQL until the session's `wait_timeout`; every account may end its own connections. They
    /// are forgotten once that was asked for: more than one thread may ask.
    fn end_abandoned(&self, connection: &mut MysqlConnection, own: &ConnectionId) {
        let abandoned = self.generation.lock().abandoned.clone();
        for old in abandoned {
            if old.end_from(connection, own).is_ok() {
                self.generation.lock().abandoned.retain(|other| *other != old);
            }
        }
    }
}

impl Generation {
    fn begin_next(&mut self) {
        if self.begun.is_none_or(|begun| begun.elapsed() >= MIN_GENERATION) {
            self.number += 1;
            self.begun = Some(Instant::now());
        }
    }
}

struct Idle {
    connection: MysqlConnection,
    id: ConnectionId,
    generation: u64,
    retires: Instant,
}

fn retirement() -> Instant {
    Instant::now() + LIFETIME.mul_f64(0.75 + 0.25 * fastrand::f64())
}

/// The place of a connection, with one if it is idle. r2d2 throws away those that come back empty.
struct Slot(Option<Idle>);

struct Slots;

impl ManageConnection for Slots {
    type Connection = Slot;
    type Error = Infallible;

    fn connect(&self) -> Result<Slot, Infallible> {
        Ok(Slot(None))
    }

    fn is_valid(&self, _: &mut Slot) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, slot: &mut Slot) -> bool {
        slot.0.is_none()
    }
}
