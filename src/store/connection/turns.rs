//! Who may use a connection, and how many wait for their turn.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::OwnedSemaphorePermit;

use crate::store::error::{Result, StoreError};

/// Requests that may wait for a connection; each is a few kilobytes.
pub(in crate::store) const MAX_WAITING: usize = 4_096;
/// Threads that a silent database holds and whose turn has gone to others.
pub(in crate::store) const MAX_ABANDONED: usize = 64;

/// The right to use a connection, shared by the thread that uses it and the one that waits.
pub(in crate::store) struct Turn {
    held: Mutex<Option<Held>>,
    abandoned: Arc<AtomicUsize>,
}

/// Counted among the connections in use until it is dropped.
struct Held {
    _permit: OwnedSemaphorePermit,
    in_use: Gauge,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.in_use.dec();
    }
}

impl Turn {
    pub fn new(permit: OwnedSemaphorePermit, abandoned: Arc<AtomicUsize>, in_use: Gauge) -> Self {
        in_use.inc();
        Self { held: Mutex::new(Some(Held { _permit: permit, in_use })), abandoned }
    }

    /// The thread is done.
    pub fn end(&self) {
        if self.take().is_none() {
            self.abandoned.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Ends the turn when it is dropped.
    pub fn ending(&self) -> Ending<'_> {
        Ending(self)
    }

    /// The thread does not return: its turn goes to the next, unless too many hang already.
    pub fn abandon(&self) {
        if self.abandoned.fetch_add(1, Ordering::Relaxed) >= MAX_ABANDONED || self.take().is_none()
        {
            self.abandoned.fetch_sub(1, Ordering::Relaxed);
        } else {
            log::warn!("the database does not answer: a thread waits for it, others go on");
        }
    }

    /// Whether the turn has gone to somebody else.
    pub fn is_over(&self) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn take(&self) -> Option<Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

pub(in crate::store) struct Ending<'a>(&'a Turn);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Counts one request among those that wait, until it is dropped.
pub(in crate::store) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    pub fn enter(count: &Arc<AtomicUsize>) -> Result<Self> {
        let waiting = Self(Arc::clone(count));
        match count.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            true => Ok(waiting),
            false => Err(StoreError::Busy),
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
