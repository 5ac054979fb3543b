//! Login codes: issued, found again while they live, forgotten afterwards.

use std::collections::{HashMap, VecDeque};
use std::iter::repeat_with;
use std::sync::Arc;
use std::time::Duration;

use crate::encryption::Block;

/// The oldest code goes when there are more, so that a benchmark cannot fill
/// the memory within one lifetime. At about 200 bytes a code.
const MOST_CODES: usize = 1_000_000;

pub(crate) struct Code {
    pub(crate) user: Arc<str>,
    /// The key that was current when the code was issued.
    pub(crate) session_key: Block,
    pub(crate) used: bool,
    issued_at: Duration,
}

impl Code {
    fn expired(&self, lifetime: Duration, now: Duration) -> bool {
        now.saturating_sub(self.issued_at) >= lifetime
    }
}

pub(crate) struct Codes {
    lifetime: Duration,
    codes: HashMap<Arc<str>, Code>,
    oldest_first: VecDeque<Arc<str>>,
}

impl Codes {
    pub(crate) fn living(lifetime: Duration) -> Self {
        Self { lifetime, codes: HashMap::new(), oldest_first: VecDeque::new() }
    }

    pub(crate) fn issue(&mut self, user: Arc<str>, session_key: Block, now: Duration) -> Arc<str> {
        self.forget_the_expired(now);
        let text: Arc<str> =
            repeat_with(fastrand::alphanumeric).take(32).collect::<String>().into();
        let code = Code { user, session_key, used: false, issued_at: now };
        self.codes.insert(Arc::clone(&text), code);
        self.oldest_first.push_back(Arc::clone(&text));
        text
    }

    /// A code that has not expired, used or not.
    pub(crate) fn find(&mut self, text: &str, now: Duration) -> Option<&mut Code> {
        let lifetime = self.lifetime;
        self.codes.get_mut(text).filter(|code| !code.expired(lifetime, now))
    }

    fn forget_the_expired(&mut self, now: Duration) {
        while let Some(text) = self.oldest_first.front() {
            let expired = self.codes.get(text).is_none_or(|code| code.expired(self.lifetime, now));
            if !expired && self.oldest_first.len() < MOST_CODES {
                break;
            }
            self.codes.remove(text);
            self.oldest_first.pop_front();
        }
    }
}
