//! The app secret, which the operator may change while exchanges are under way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::WeChatConfig;
use crate::values::Secret;

/// Between two looks at the file for exchanges' sake.
const LOOKS_APART: Duration = Duration::from_secs(1);

/// Shared by all threads.
pub struct AppSecret {
    config: WeChatConfig,
    current: Mutex<Current>,
}

struct Current {
    secret: Secret,
    credentials: Arc<Secret>,
    last_look: Option<Instant>,
}

/// What a look at the file showed.
#[derive(PartialEq, Eq)]
enum Look {
    Changed,
    Same,
    Failed,
}

impl AppSecret {
    pub fn new(config: &WeChatConfig) -> Self {
        let secret = config.secret.clone();
        let credentials = credentials(&config.appid, &secret);
        let current = Current { secret, credentials, last_look: None };
        Self { config: config.clone(), current: Mutex::new(current) }
    }

    /// The part of the query that tells WeChat who asks.
    pub fn credentials(&self) -> Arc<Secret> {
        Arc::clone(&self.current.lock().credentials)
    }

    /// WeChat does not accept these credentials: returns whether there are others by now.
    pub fn has_changed_from(&self, refused: &Arc<Secret>) -> bool {
        let mut current = self.current.lock();
        let is_due = current.last_look.is_none_or(|last| last.elapsed() >= LOOKS_APART);
        if Arc::ptr_eq(&current.credentials, refused) && is_due {
            self.look(&mut current);
        }
        !Arc::ptr_eq(&current.credentials, refused)
    }

    /// Reads the file again, because the operator says so.
    pub fn read_again(&self) {
        if self.config.secret_file.is_none() {
            log::info!("WX_SECRET is in the environment, which does not change: nothing is read");
            return;
        }
        if self.look(&mut self.current.lock()) == Look::Same {
            log::info!("WX_SECRET_FILE holds the secret that is in use already");
        }
    }

    /// A file of one line is read in less time than handing the work to another thread takes.
    fn look(&self, current: &mut Current) -> Look {
        current.last_look = Some(Instant::now());
        match self.config.read_secret_again() {
            Ok(Some(secret)) if secret.expose() != current.secret.expose() => {
                current.credentials = credentials(&self.config.appid, &secret);
                current.secret = secret;
                log::info!("WX_SECRET_FILE holds another secret, which is used from now on");
                Look::Changed
            }
            Ok(_) => Look::Same,
            Err(error) => {
                log::error!("the secret that is in use stays: {}", error.without_value());
                Look::Failed
            }
        }
    }
}

fn credentials(appid: &str, secret: &Secret) -> Arc<Secret> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("appid", appid).append_pair("secret", secret.expose());
    Arc::new(Secret::new(query.append_pair("grant_type", "authorization_code").finish()))
}
