//! Keys that are on their way: who waits for one, and who tells that it has come.
//!
//! A login that was sent before the tap may still be under way, here or in another process. Those
//! who wait cost neither a thread nor a connection: what is stored here is announced at once, and
//! one query now and then asks for all of them what other processes have stored.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_rt::time::{Instant, sleep, timeout};
use parking_lot::Mutex;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::{Notify, Semaphore, oneshot};

use crate::store::{KeyId, Store, StoreError};
use crate::values::{CodeHash, Fingerprint, OpenId};

/// How often other processes' keys are asked for while somebody waits.
const POLL_PAUSE: Duration = Duration::from_millis(100);
/// Requests that may wait for a key at once, some kilobytes each.
const MAX_WAITING: usize = 2_048;
/// Those of one openid: a page posts a few times, and more would take the seats of others.
const MAX_WAITING_OF_ONE: usize = 16;
/// Requests that may wait for a user who is not known yet. Anybody can make openids up, so they
/// have a room of their own: where it is full, this rescue is off and nothing else is.
const MAX_WAITING_FOR_USERS: usize = 512;

/// Why a request may not wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSeat {
    /// So many requests wait already.
    RoomFull,
    /// So many of this openid do.
    TooManyOfOne,
}

/// The waiting room of a process.
pub struct Arrivals {
    store: Store,
    seats: Semaphore,
    seats_for_users: Semaphore,
    waiting: Mutex<HashMap<Awaited, Vec<Waiter>>>,
    /// Told when somebody begins to wait.
    begun: Notify,
    next_ticket: AtomicU64,
    waiting_requests: Gauge,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Awaited {
    /// A key of this user that the waiter has not tried.
    KeyOf(OpenId),
    /// The key that this code brought.
    KeyBy(CodeHash),
}

struct Waiter {
    ticket: u64,
    tried: Vec<Fingerprint>,
    wake: oneshot::Sender<()>,
}

impl Arrivals {
    pub fn new(store: Store, waiting_requests: Gauge) -> Self {
        Self {
            store,
            seats: Semaphore::new(MAX_WAITING),
            seats_for_users: Semaphore::new(MAX_WAITING_FOR_USERS),
            waiting: Mutex::default(),
            begun: Notify::new(),
            next_ticket: AtomicU64::new(0),
            waiting_requests,
        }
    }

    /// Returns when a key of the user that is not among those `tried` is stored, or at `deadline`.
    pub async fn key_of(
        &self,
        openid: &OpenId,
        tried: &[Fingerprint],
        deadline: Instant,
    ) -> Result<(), NoSeat> {
        let _seat = self.seats.try_acquire().map_err(|_| NoSeat::RoomFull)?;
        let awaited = Awaited::KeyOf(openid.clone());
        if self.waiting.lock().get(&awaited).map_or(0, Vec::len) >= MAX_WAITING_OF_ONE {
            return Err(NoSeat::TooManyOfOne);
        }
        self.wait(awaited, tried.to_vec(), deadline).await;
        Ok(())
    }

    /// Returns when a key of a user is stored whom the database did not know, or at `deadline`.
    pub async fn user(&self, openid: &OpenId, deadline: Instant) -> Result<(), NoSeat> {
        let _seat = self.seats_for_users.try_acquire().map_err(|_| NoSeat::RoomFull)?;
        self.wait(Awaited::KeyOf(openid.clone()), Vec::new(), deadline).await;
        Ok(())
    }

    /// Returns when the key that a code brought is stored, or at `deadline`. Whoever calls it knows
    /// how many may wait.
    pub async fn key_by(&self, code: CodeHash, deadline: Instant) {
        self.wait(Awaited::KeyBy(code), Vec::new(), deadline).await;
    }

    /// Wakes those who wait for a key of this user, unless it is one that they have tried.
    pub fn announce(&self, key: &KeyId) {
        self.wake(&Awaited::KeyOf(key.openid.clone()), |waiter| {
            !waiter.tried.contains(&key.fingerprint)
        });
    }

    /// Asks, while anybody waits, what other processes have stored. Never returns.
    pub async fn poll(&self) {
        loop {
            while self.waiting.lock().is_empty() {
                self.begun.notified().await;
            }
            sleep(POLL_PAUSE).await;
            if let Err(error) = self.look().await {
                log::warn!("cannot look for logins of other processes: {error}");
            }
        }
    }

    async fn look(&self) -> Result<(), StoreError> {
        let (mut openids, mut codes) = (Vec::new(), Vec::new());
        for awaited in self.waiting.lock().keys() {
            match awaited {
                Awaited::KeyOf(openid) => openids.push(openid.clone()),
                Awaited::KeyBy(code) => codes.push(*code),
            }
        }
        if !openids.is_empty() {
            self.store.keys_in_rings(openids).await?.iter().for_each(|key| self.announce(key));
        }
        if !codes.is_empty() {
            for code in self.store.stored_codes(codes).await? {
                self.wake(&Awaited::KeyBy(code), |_| true);
            }
        }
        Ok(())
    }

    async fn wait(&self, awaited: Awaited, tried: Vec<Fingerprint>, deadline: Instant) {
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        let (wake, woken) = oneshot::channel();
        self.waiting.lock().entry(awaited.clone()).or_default().push(Waiter {
            ticket,
            tried,
            wake,
        });
        self.waiting_requests.inc();
        let _leaving = Leaving { arrivals: self, awaited, ticket };
        self.begun.notify_one();
        log::debug!("waiting for a late login");
        // Woken, or too late: either way the caller looks for itself.
        let _ = timeout(deadline.saturating_duration_since(Instant::now()), woken).await;
    }

    fn wake(&self, awaited: &Awaited, is_served: impl Fn(&Waiter) -> bool) {
        let mut waiting = self.waiting.lock();
        let Some(waiters) = waiting.get_mut(awaited) else {
            return;
        };
        for waiter in waiters.extract_if(.., |waiter| is_served(waiter)) {
            // One that is gone needs no waking.
            let _ = waiter.wake.send(());
        }
        if waiters.is_empty() {
            waiting.remove(awaited);
        }
    }
}

/// Takes a waiter out of the room, however it leaves: served, too late, or hung up.
struct Leaving<'a> {
    arrivals: &'a Arrivals,
    awaited: Awaited,
    ticket: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.arrivals.waiting_requests.dec();
        let mut waiting = self.arrivals.waiting.lock();
        if let Some(waiters) = waiting.get_mut(&self.awaited) {
            waiters.retain(|waiter| waiter.ticket != self.ticket);
            if waiters.is_empty() {
                waiting.remove(&self.awaited);
            }
        }
    }
}
