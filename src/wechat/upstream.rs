//! What all threads that ask WeChat share: its hosts, the secret, the quota, and the limits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::answer::Refusal;
use super::connection::Racer;
use super::hosts::Hosts;
use super::quota::Quota;
use super::secret::AppSecret;
use crate::config::{ApiHost, WeChatConfig};

/// Exchanges under way at once; each may hold an answer of 64 KiB.
const MAX_EXCHANGES: usize = 1_024;
/// Connections to WeChat: at 150 ms an exchange, 2,500 of them a second, as strangers make codes up.
/// Further exchanges wait for one within their budget, before they are made into requests, which take
/// some 8 kB each.
pub(super) const MAX_CONNECTIONS: usize = 384;
/// Between two lines about errcodes that nobody knows.
const UNKNOWN_APART: Duration = Duration::from_secs(60);

/// WeChat, as this process knows it.
pub struct Upstream {
    pub(super) places: Vec<Place>,
    pub(super) hosts: Hosts,
    pub(super) secret: AppSecret,
    pub(super) quota: Quota,
    pub(super) budget: Duration,
    pub(super) exchanges: Semaphore,
    pub(super) connections: Semaphore,
    last_unknown: Mutex<Option<Instant>>,
}

/// One of WeChat's hosts.
pub(super) struct Place {
    /// The URL up to the query. awc must not make TLS of its own, so it is plain http.
    pub url: String,
    pub racer: Arc<Racer>,
}

impl Upstream {
    /// Connects when first used, so that this cannot fail.
    pub fn new(config: &WeChatConfig) -> Self {
        let place = |host: &ApiHost| Place {
            url: format!("http://{}{}/sns/jscode2session", host.authority(), host.path),
            racer: Arc::new(Racer::new(host, config.timeout)),
        };
        Self {
            places: config.hosts.iter().map(place).collect(),
            hosts: Hosts::new(&config.hosts),
            secret: AppSecret::new(config),
            quota: Quota::default(),
            budget: config.timeout,
            exchanges: Semaphore::new(MAX_EXCHANGES),
            connections: Semaphore::new(MAX_CONNECTIONS),
            last_unknown: Mutex::default(),
        }
    }

    /// Reads again what the operator may have changed.
    pub fn reload(&self) {
        self.secret.read_again();
    }

    /// Somebody has to learn of an errcode that is not in our table, and a line a login would be a
    /// flood.
    pub(super) fn tell_if_unknown(&self, refusal: &Refusal) {
        if refusal.row().is_some() {
            return;
        }
        let mut last = self.last_unknown.lock();
        if last.is_none_or(|last| last.elapsed() >= UNKNOWN_APART) {
            *last = Some(Instant::now());
            log::error!("{refusal}: look the errcode up in WeChat's documentation");
        }
    }
}
