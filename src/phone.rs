//! An openid and encrypted data become a stored phone: the verb that every phone call shares.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_rt::time::{Instant, sleep_until};

use crate::edge::KeyPlace;
use crate::error::{Error, Result};
use crate::open_data::{self, EncryptedData, Expected, Unopened};
use crate::store::{KeyRing, Store};
use crate::values::{OpenId, Phone};

/// No failed decryption is answered earlier, so that its duration tells nothing about the data:
/// padding is not checked in constant time.
const MIN_FAILURE_TIME: Duration = Duration::from_millis(500);

/// Opens encrypted phone numbers and stores them.
pub struct Phones {
    store: Store,
    appid: String,
    max_age: Duration,
}

/// A phone that a user authorised.
#[derive(Debug, Clone)]
pub struct Authorised {
    pub user_id: u64,
    pub phone: Phone,
    pub key: KeyPlace,
}

impl Phones {
    pub fn new(store: Store, appid: String, max_age: Duration) -> Self {
        Self { store, appid, max_age }
    }

    /// Opens the data with any living key of the user, and stores the phone.
    pub async fn authorise(&self, openid: OpenId, data: EncryptedData) -> Result<Authorised> {
        let started = Instant::now();
        let ring = self.store.key_ring(openid.clone()).await?.ok_or(Error::LoginRequired)?;
        if ring.keys.is_empty() {
            return Err(Error::SessionExpired);
        }
        match self.open(&ring, &data) {
            Ok((phone, key)) => self.save(openid, ring, phone, key).await,
            Err(unopened) => {
                sleep_until(started + MIN_FAILURE_TIME).await;
                Err(failure(unopened, &ring))
            }
        }
    }

    /// Tries the keys, newest first. If none fits, tells how far the best one came.
    fn open(
        &self,
        ring: &KeyRing,
        data: &EncryptedData,
    ) -> std::result::Result<(Phone, KeyPlace), Unopened> {
        let expected = Expected {
            appid: &self.appid,
            now: unix_seconds(),
            max_age_seconds: self.max_age.as_secs() as i64,
        };
        let mut furthest = Unopened::Padding;
        for (index, key) in ring.keys.iter().enumerate() {
            match open_data::open(data, &key.session_key, expected) {
                Ok(phone) => {
                    return Ok((phone, KeyPlace { place: index + 1, of: ring.keys.len() }));
                }
                Err(unopened) => furthest = furthest.max(unopened),
            }
        }
        Err(furthest)
    }

    /// A number that is stored already costs no write.
    async fn save(
        &self,
        openid: OpenId,
        ring: KeyRing,
        phone: Phone,
        key: KeyPlace,
    ) -> Result<Authorised> {
        let is_known = ring.user.phone.is_some_and(|stored| stored.is_same_number(&phone));
        if !is_known && !self.store.save_phone(openid, phone.clone()).await? {
            return Err(Error::LoginRequired);
        }
        Ok(Authorised { user_id: ring.user.id, phone, key })
    }
}

fn failure(unopened: Unopened, ring: &KeyRing) -> Error {
    if unopened == Unopened::FromTheFuture {
        log::warn!("a watermark is more than 5 minutes in the future: check this machine's clock");
    }
    Error::DecryptFailed(format!("{}; keys tried: {}", unopened.cause(), ring.keys.len()))
}

fn unix_seconds() -> i64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_1970.as_secs() as i64
}
