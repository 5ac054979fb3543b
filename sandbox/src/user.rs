//! Made-up people: what follows from a user's name, and what WeChat keeps of them.

use std::sync::Arc;
use std::time::Duration;

use crate::encryption::{Block, random_block};

const RATE_WINDOW: Duration = Duration::from_secs(60);

/// A user as WeChat knows them.
pub(crate) struct User {
    pub(crate) openid: Arc<str>,
    pub(crate) unionid: Option<Arc<str>>,
    pub(crate) blocked: bool,
    /// `None` before the first login.
    pub(crate) session_key: Option<Block>,
    window_started: Duration,
    exchanges_in_window: u32,
}

impl User {
    pub(crate) fn named(name: &str) -> Self {
        Self {
            openid: openid(name).into(),
            unionid: None,
            blocked: false,
            session_key: None,
            window_started: Duration::ZERO,
            exchanges_in_window: 0,
        }
    }

    /// The key that a login gets: the current one, or a new one.
    pub(crate) fn session_key_for_login(&mut self, rotate: bool) -> Block {
        match self.session_key {
            Some(key) if !rotate => key,
            _ => *self.session_key.insert(random_block()),
        }
    }

    /// Counts an exchange, or refuses it. A window opens with its first
    /// exchange and is only two numbers, so it cannot grow.
    pub(crate) fn admit(&mut self, now: Duration, limit: u32) -> bool {
        let window_age = now.saturating_sub(self.window_started);
        if self.exchanges_in_window == 0 || window_age >= RATE_WINDOW {
            self.window_started = now;
            self.exchanges_in_window = 0;
        }
        let admitted = self.exchanges_in_window < limit;
        self.exchanges_in_window += u32::from(admitted);
        admitted
    }
}

/// 28 characters that start with `o`, always the same for the same name, so that
/// a restarted sandbox knows its users again.
pub(crate) fn openid(name: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut openid = String::from("o");
    for part in 1..=3 {
        let hash = hash(part, name);
        for sextet in 0..9 {
            openid.push(ALPHABET[(hash >> (sextet * 6)) as usize % ALPHABET.len()] as char);
        }
    }
    openid
}

/// `135` and eight digits; alice has 13580006666. Two names rarely share one.
pub(crate) fn phone_number(name: &str) -> String {
    let distance = hash(0, name).wrapping_sub(hash(0, "alice")) % 100_000_000;
    format!("135{:08}", (80_006_666 + distance) % 100_000_000)
}

/// FNV-1a with a finalizer, as names that differ in one letter must differ
/// everywhere. `part` makes independent hashes of one name.
fn hash(part: u64, name: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
