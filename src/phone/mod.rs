//! An openid and encrypted data become a stored phone: the verb that every phone call shares.
//!
//! Wanted: data that any living key of the user opens is opened, the first time; a failure tells
//! nothing about why, neither by its answer nor by its time.
//!
//! The races:
//! - *Late login*: the tap overtook the login whose key it needs. Where no key opens the data, the
//!   answer waits until a key comes that was not tried, here or in another process, or the grace is
//!   over; then it looks once more, as the key may have come between the last look and the end of
//!   the wait.
//! - *A login that replaces the key around the tap*: the older key is still in the ring, and is
//!   tried.
//! - *The same data twice*: the number is stored already, so the second writes nothing.
//! - *An erasure between the ring and the write*: nobody is there to save the phone of, so the page
//!   is told to log in.

pub mod open_data;
pub mod repair;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_rt::time::{Instant, sleep, sleep_until};

pub use self::open_data::{EncryptedData, Undecodable};
use self::open_data::{Expected, Unopened};
pub use self::repair::{DAMAGES, Repairs};
use crate::arrivals::{Arrivals, NoSeat};
use crate::error::{Error, Result};
use crate::key_ages::KeyAges;
use crate::limits::{FailedPhones, Mark, TooMany};
use crate::metrics::Metrics;
use crate::sealing::Sealing;
use crate::store::{Budget, KeyRing, RingKey, Store};
use crate::values::{Fingerprint, OpenId, OpenedBy, Phone};

/// No failed decryption is answered earlier, so that its duration tells nothing about the data:
/// padding is not checked in constant time.
const MIN_FAILURE_TIME: Duration = Duration::from_millis(500);

/// Opens encrypted phone numbers and stores them.
pub struct Phones {
    pub store: Store,
    pub sealing: Sealing,
    pub arrivals: Arc<Arrivals>,
    pub key_ages: Arc<KeyAges>,
    pub failed_phones: Arc<FailedPhones>,
    pub metrics: Arc<Metrics>,
    pub appid: String,
    /// How old the data's watermark may be.
    pub max_age: Duration,
    /// How long data that no key opens waits for a late login.
    pub grace: Duration,
}

/// A phone that a user authorised.
#[derive(Debug, Clone)]
pub struct Authorised {
    pub user_id: u64,
    pub phone: Phone,
    pub opened_by: OpenedBy,
}

/// What has been tried for one request.
struct Tried {
    /// Tells the data apart from other data of the same openid.
    mark: Mark,
    has_waited: bool,
    fingerprints: Vec<Fingerprint>,
    newest: Option<RingKey>,
    /// How far the best key came.
    furthest: Option<Unopened>,
}

impl Phones {
    /// Opens the data with any living key of the user, and stores the phone. If no key fits, the
    /// right one may still be on its way: it is waited for until the grace is over.
    pub async fn authorise(
        &self,
        openid: OpenId,
        data: EncryptedData,
        budget: &mut Budget,
    ) -> Result<Authorised> {
        let started = Instant::now();
        data.repairs().names().for_each(|damage| self.metrics.keys.repaired(damage));
        let mut tried = Tried::nothing_of(self.failed_phones.mark(&data));
        let deadline = started + self.grace;
        let opened = self.open_in_time(&openid, &data, &mut tried, deadline, budget).await?;
        let Some((ring, phone, opened_by)) = opened else {
            return Err(self.failure(&openid, tried, started).await);
        };
        self.save(openid, &ring, &phone, budget).await?;
        Ok(Authorised { user_id: ring.user.id, phone, opened_by })
    }

    /// Looks at the ring until a key opens the data or no time is left, and then once more.
    async fn open_in_time(
        &self,
        openid: &OpenId,
        data: &EncryptedData,
        tried: &mut Tried,
        deadline: Instant,
        budget: &mut Budget,
    ) -> Result<Option<(Arc<KeyRing>, Phone, OpenedBy)>> {
        loop {
            let is_last_look = Instant::now() >= deadline;
            let ring = self.store.key_ring(openid.clone(), budget).await?;
            let is_known = ring.is_some();
            if let Some(ring) = ring
                && let Some((phone, opened_by)) = self.open(openid, &ring, data, tried)
            {
                return Ok(Some((ring, phone, opened_by)));
            }
            let waited = match is_known {
                _ if is_last_look => Err(NoSeat::TooManyOfOne),
                true if self.failed_phones.would_be_too_many(openid, tried.mark) => {
                    Err(NoSeat::TooManyOfOne)
                }
                true => self.arrivals.key_of(openid, &tried.fingerprints, deadline).await,
                false => self.arrivals.user(openid, deadline).await,
            };
            match waited {
                Ok(()) => tried.has_waited = true,
                Err(_) if !is_known => return Err(Error::LoginRequired),
                Err(NoSeat::TooManyOfOne) => return Ok(None),
                Err(NoSeat::RoomFull) => {
                    return Err(Error::Busy("the waiting room for late logins"));
                }
            }
        }
    }

    /// Tries the keys that have not been tried, newest first.
    fn open(
        &self,
        openid: &OpenId,
        ring: &KeyRing,
        data: &EncryptedData,
        tried: &mut Tried,
    ) -> Option<(Phone, OpenedBy)> {
        let expected = Expected {
            appid: &self.appid,
            now: unix_seconds(),
            max_age_seconds: self.max_age.as_secs() as i64,
        };
        for (index, key) in ring.keys.iter().enumerate() {
            if tried.fingerprints.contains(&key.fingerprint) {
                continue;
            }
            let session_key = self.sealing.open(openid, &key.fingerprint, &key.session_key);
            let opened = match session_key {
                Some(session_key) => open_data::open(data, &session_key, expected),
                None => Err(Unopened::Unreadable),
            };
            match opened {
                Ok(phone) => {
                    let opened_by = OpenedBy {
                        place: index + 1,
                        of: ring.keys.len(),
                        age: key.age,
                        issued_age: key.issued_age,
                        was_late: tried.has_waited,
                    };
                    self.key_ages.opened(&opened_by);
                    self.metrics.keys.opened(&opened_by);
                    return Some((phone, opened_by));
                }
                Err(unopened) => tried.add(key, unopened),
            }
        }
        None
    }

    async fn failure(&self, openid: &OpenId, tried: Tried, started: Instant) -> Error {
        let (Some(newest), Some(furthest)) = (&tried.newest, tried.furthest) else {
            return Error::SessionExpired;
        };
        self.key_ages.failed(newest, tried.fingerprints.len());
        if furthest == Unopened::FromTheFuture {
            log::warn!("a watermark is over 5 minutes in the future: check this machine's clock");
        }
        let counted = self.failed_phones.count(openid, tried.mark);
        sleep_until(started + MIN_FAILURE_TIME).await;
        if let Err(TooMany { again_in }) = counted {
            // Who floods posts again when answered: thousands that came together go one by one.
            sleep(MIN_FAILURE_TIME.mul_f64(fastrand::f64())).await;
            return Error::TooMany { what: "data of one openid that no key opens", again_in };
        }
        let (cause, keys) = (furthest.cause(), tried.fingerprints.len());
        let (age, issued_age) = (newest.age.as_secs(), newest.issued_age.as_secs());
        Error::DecryptFailed(format!(
            "{cause}; keys tried: {keys}, the newest first seen {age} s and issued {issued_age} s ago"
        ))
    }

    /// A number that is stored already costs no write.
    async fn save(
        &self,
        openid: OpenId,
        ring: &KeyRing,
        phone: &Phone,
        budget: &mut Budget,
    ) -> Result<()> {
        let is_known = ring.user.phone.as_ref().is_some_and(|stored| stored.is_settled_by(phone));
        if is_known || self.store.save_phone(openid, phone.clone(), budget).await? {
            return Ok(());
        }
        Err(Error::LoginRequired)
    }
}

impl Tried {
    fn nothing_of(mark: Mark) -> Self {
        Self { mark, has_waited: false, fingerprints: Vec::new(), newest: None, furthest: None }
    }

    fn add(&mut self, key: &RingKey, unopened: Unopened) {
        self.fingerprints.push(key.fingerprint.clone());
        self.furthest = self.furthest.max(Some(unopened));
        if self.newest.as_ref().is_none_or(|newest| key.issued_age < newest.issued_age) {
            self.newest = Some(key.clone());
        }
    }
}

fn unix_seconds() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_secs() as i64
}
