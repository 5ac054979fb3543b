//! Session keys at rest: sealed on their way into the store, opened on their way out.
//!
//! The server's statements keep and join texts; commands that import or re-encrypt hand their [`Sealer`]
//! down. A stored key
//! that does not open is a key that opens no data: it fails no request by itself.

mod sealer;

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use prometheus_client::metrics::counter::Counter;

pub use self::sealer::{NoRandomBytes, Sealer, Unreadable, entry_name};
use crate::values::{Fingerprint, KeySecrets, OpenId, SealedKey, SessionKey};

/// Causes that are named in the log; of further ones, only the number is known.
const MAX_TOLD: usize = 1_000;

/// What a server seals and opens with, until it is given other secrets. Clones share it.
#[derive(Clone)]
pub struct Sealing(Arc<Shared>);

struct Shared {
    sealer: RwLock<Arc<Sealer>>,
    /// Keys that did not open, each time that one was tried.
    unreadable: Counter,
    /// What the log has named already.
    told: Mutex<HashSet<String>>,
}

impl Sealing {
    pub fn new(secrets: &KeySecrets, unreadable: Counter) -> Self {
        let sealer = RwLock::new(Arc::new(Sealer::new(secrets)));
        let sealing = Self(Arc::new(Shared { sealer, unreadable, told: Mutex::default() }));
        sealing.tell_names();
        sealing
    }

    /// From now on, these secrets.
    pub fn replace(&self, secrets: &KeySecrets) {
        let sealer = Arc::new(Sealer::new(secrets));
        *self.0.sealer.write() = sealer;
        self.0.told.lock().clear();
        self.tell_names();
    }

    pub fn seal(&self, openid: &OpenId, key: &SessionKey) -> Result<SealedKey, NoRandomBytes> {
        self.sealer().seal(openid, key)
    }

    /// `None` is a key that opens nothing; why, is counted, and told once.
    pub fn open(
        &self,
        openid: &OpenId,
        fingerprint: &Fingerprint,
        sealed: &SealedKey,
    ) -> Option<SessionKey> {
        let opened = self.sealer().open(openid, fingerprint, sealed);
        opened.map_err(|cause| self.count(openid, fingerprint, &cause)).ok()
    }

    fn sealer(&self) -> Arc<Sealer> {
        Arc::clone(&self.0.sealer.read())
    }

    fn tell_names(&self) {
        let sealer = self.sealer();
        let names: Vec<_> = sealer.names().collect();
        log::info!(
            "session keys are stored under {}, read under {}",
            sealer.writing(),
            names.join(", ")
        );
    }

    fn count(&self, openid: &OpenId, fingerprint: &Fingerprint, cause: &Unreadable) {
        self.0.unreadable.inc();
        let sentence = match cause {
            Unreadable::Unlisted(name) => format!(
                "stored keys are under {name}, which SESSION_KEY_SECRETS does not list: they open \
                 nothing until it does"
            ),
            Unreadable::Changed => format!(
                "the stored key {} of {} is not what was stored there: it opens nothing",
                fingerprint.0,
                openid.shortened()
            ),
        };
        let mut told = self.0.told.lock();
        if told.len() < MAX_TOLD && told.insert(sentence.clone()) {
            log::error!("{sentence}");
        }
    }
}
