//! Who owns a connection to the database, and how work gets to it.
//!
//! diesel's MySQL connection has no timeouts: a database that falls silent blocks the thread that
//! asked it, for good. So connections belong to plain threads ([`workers`]), never to the
//! runtime's, and nobody waits for a thread without an end:
//!
//! - Work waits in a bounded [`queue`] for each kind, and requests of one kind are joined into one
//!   statement. A request is answered at its own deadline, which its [`budget`] knows; that ends no
//!   thread.
//! - A thread whose statement does not return is written off and replaced, by the one watchdog.
//! - A connection that fails is thrown away with all that are as old as it: [`pool`] tells them
//!   apart by their generation.
//! - [`mod@connect`] makes a connection, [`tls`] sees to it that it is encrypted as asked,
//!   [`session`] sets it up, [`mod@classify`] says what helps against an error, [`retry`] how often
//!   work is run again.

mod budget;
mod classify;
mod connect;
mod pool;
mod queue;
mod retry;
mod session;
mod tls;
mod workers;

pub use self::budget::Budget;
pub(super) use self::classify::{Trouble, classify};
pub(super) use self::connect::{connect, connect_within};
pub(super) use self::queue::{MAX_BATCH, Queue, Statement};
pub(super) use self::retry::pauses;
pub(super) use self::session::{LockWaits, deviations};
pub use self::tls::Encryption;
pub(super) use self::tls::Target;
pub(super) use self::workers::Workers;
