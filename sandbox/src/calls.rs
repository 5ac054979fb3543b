//! What was asked and answered, counted for tests.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

/// Codes whose exchanges are counted one by one; older ones are forgotten.
const MOST_COUNTED_CODES: usize = 65_536;

/// The calls of `jscode2session` since the start, counted when they arrive.
/// `total` is the sum of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    pub total: u64,
    /// Answered with an openid and a session_key.
    pub succeeded: u64,
    /// Answered with this errcode.
    pub by_errcode: BTreeMap<i64, u64>,
    /// Met a fault that has no errcode: hung, cut off, spoiled.
    pub spoiled: u64,
}

#[derive(Default)]
pub(crate) struct CallCounts {
    pub(crate) calls: Calls,
    by_host: BTreeMap<usize, u64>,
    by_code: HashMap<Arc<str>, u64>,
    oldest_first: VecDeque<Arc<str>>,
}

impl CallCounts {
    pub(crate) fn exchanges_of(&self, code: &str) -> u64 {
        self.by_code.get(code).copied().unwrap_or(0)
    }

    pub(crate) fn arrived_at(&self, host: usize) -> u64 {
        self.by_host.get(&host).copied().unwrap_or(0)
    }

    pub(crate) fn arrived(&mut self, code: &str, host: usize) {
        self.calls.total += 1;
        *self.by_host.entry(host).or_default() += 1;
        if code.is_empty() {
            return;
        }
        if let Some(count) = self.by_code.get_mut(code) {
            *count += 1;
            return;
        }
        if self.oldest_first.len() >= MOST_COUNTED_CODES
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.by_code.remove(&oldest);
        }
        let code: Arc<str> = code.into();
        self.oldest_first.push_back(Arc::clone(&code));
        self.by_code.insert(code, 1);
    }

    pub(crate) fn succeeded(&mut self) {
        self.calls.succeeded += 1;
    }

    pub(crate) fn refused(&mut self, errcode: i64) {
        *self.calls.by_errcode.entry(errcode).or_default() += 1;
    }

    pub(crate) fn spoiled(&mut self) {
        self.calls.spoiled += 1;
    }
}
