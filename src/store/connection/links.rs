//! What the pool keeps: connections that are made by the one who needs them.
//!
//! diesel's MySQL connection has no timeouts, and r2d2 would connect on threads of its own: a
//! database that does not answer would block them for good, and one that refuses would be asked
//! again only after a growing pause. So r2d2 gives out empty links and never waits; whoever gets
//! one connects, for a bounded time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use r2d2::ManageConnection;

use super::classify::{Trouble, classify, classify_connecting, unavailable};
use crate::values::Secret;

/// How long one attempt to connect may take before it counts as failed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a statement waits for a row that somebody keeps locked: MySQL's least, its default of
/// 50 s being longer than any request waits. Locks of our own are held for milliseconds.
const LOCK_TIMEOUT_SECONDS: u32 = 1;
/// How long the database keeps a connection on which it hears nothing, with the locks of its
/// transaction. One that was cut off without a word would otherwise keep users from logging in for
/// hours. Longer than the pool keeps an idle connection.
const SILENCE_TIMEOUT_SECONDS: u32 = 120;
/// The same for one in the middle of a transaction, where the database has such a limit: MariaDB
/// does. Ours pause for no longer than the network takes.
const SILENT_TRANSACTION_TIMEOUT_SECONDS: u32 = 3;
/// Attempts to connect that hang, each a thread that ends when the system gives its socket up;
/// while there are so many, none is made.
const MAX_HANGING: usize = 64;
/// A connection's thread does little but wait.
const STACK_BYTES: usize = 256 * 1_024;

/// Makes links and tells which of them are of no more use; clones share everything.
#[derive(Clone)]
pub(in crate::store) struct Links {
    url: Secret,
    /// Grows whenever a connection is found dead: older ones may have died with it, in a restart
    /// of the database, so they are made anew rather than asked.
    epoch: Arc<AtomicU64>,
    hanging: Arc<AtomicUsize>,
    /// Connections that wait in the pool for their next use.
    idle: Arc<AtomicUsize>,
    max_idle: usize,
}

/// A connection, or the place of one.
pub(in crate::store) struct Link {
    idle: Option<Idle>,
    epoch: u64,
}

struct Idle {
    connection: MysqlConnection,
    _counted: Counted,
}

impl Links {
    pub fn new(url: Secret, max_idle: usize) -> Self {
        let (hanging, idle) = (Arc::default(), Arc::default());
        Self { url, epoch: Arc::default(), hanging, idle, max_idle }
    }

    /// The link's connection, made now if there is none that can be trusted.
    ///
    /// It leaves the link, which the pool throws away unless it is given back.
    pub fn take(&self, link: &mut Link) -> Result<MysqlConnection, Trouble> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        match link.idle.take() {
            Some(idle) if link.epoch == epoch => Ok(idle.connection),
            _ => {
                link.epoch = epoch;
                self.establish()
            }
        }
    }

    /// Gives back a connection that works. It is closed if there are enough: those that a silent
    /// database kept for long come back when others have taken their places.
    pub fn put(&self, link: &mut Link, connection: MysqlConnection) {
        let counted = Counted::enter(&self.idle, self.max_idle);
        link.idle = counted.map(|counted| Idle { connection, _counted: counted });
    }

    /// Tells that a connection was found dead.
    pub fn lost(&self) {
        self.epoch.fetch_add(1, Ordering::Relaxed);
    }

    fn establish(&self) -> Result<MysqlConnection, Trouble> {
        let hanging = Counted::enter(&self.hanging, MAX_HANGING)
            .ok_or_else(|| unavailable("too many attempts to connect hang"))?;
        let mut connection = establish(&self.url, CONNECT_TIMEOUT, hanging)?;
        connection.batch_execute(&limits()).map_err(|error| classify(&error))?;
        Ok(connection)
    }
}

/// Sets what the database bounds by itself. Only MariaDB reads what stands in the comment.
fn limits() -> String {
    format!(
        "SET SESSION innodb_lock_wait_timeout = {LOCK_TIMEOUT_SECONDS}, \
         wait_timeout = {SILENCE_TIMEOUT_SECONDS} \
         /*M!100300 , idle_transaction_timeout = {SILENT_TRANSACTION_TIMEOUT_SECONDS} */"
    )
}

/// Connects on a thread, as only that can be left behind when the client does not come back. The
/// thread drops `held` when it ends.
pub(in crate::store) fn establish(
    url: &Secret,
    limit: Duration,
    held: impl Send + 'static,
) -> Result<MysqlConnection, Trouble> {
    let url = url.clone();
    let (sender, receiver) = sync_channel(1);
    let connecting = move || {
        let _held = held;
        // Nobody waits any more after the limit; the connection is closed then.
        let _ = sender.send(MysqlConnection::establish(url.expose()));
    };
    let builder = thread::Builder::new().name("connect".to_owned()).stack_size(STACK_BYTES);
    builder.spawn(connecting).map_err(|error| unavailable(&error.to_string()))?;
    match receiver.recv_timeout(limit) {
        Ok(established) => established.map_err(|error| classify_connecting(&error)),
        Err(RecvTimeoutError::Timeout) => {
            Err(unavailable(&format!("no answer for {} s", limit.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(unavailable("the client gave up")),
    }
}

impl ManageConnection for Links {
    type Connection = Link;
    type Error = Infallible;

    fn connect(&self) -> Result<Link, Infallible> {
        Ok(Link { idle: None, epoch: 0 })
    }

    fn is_valid(&self, _: &mut Link) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, link: &mut Link) -> bool {
        link.idle.is_none()
    }
}

/// One of a number of things that is bounded, until it is dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn enter(count: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let entered = Self(Arc::clone(count));
        (count.fetch_add(1, Ordering::Relaxed) < most).then_some(entered)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
