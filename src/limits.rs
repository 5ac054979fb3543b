//! How much a stranger may fail in a minute: refused codes of one address, data of one openid that
//! no key opens. They count outcomes, so nothing is known of a request before it has failed.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moka::sync::Cache;
use parking_lot::Mutex;

use crate::values::OpenId;

/// What is counted is forgotten together, this long after the first.
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses that are kept, some 200 bytes each.
const MAX_ADDRESSES: u64 = 100_000;
/// Openids that are kept, some kilobytes each where all have failed as often as they may.
const MAX_OPENIDS: u64 = 10_000;

/// The limit is reached; it helps to come again after this long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    pub again_in: Duration,
}

/// Since the first of what it counts.
struct Window<T> {
    begun: Instant,
    counted: Mutex<T>,
}

impl<T: Default> Window<T> {
    fn begin() -> Arc<Self> {
        Arc::new(Self { begun: Instant::now(), counted: Mutex::default() })
    }
}

impl<T> Window<T> {
    fn too_many(&self) -> TooMany {
        TooMany { again_in: WINDOW.saturating_sub(self.begun.elapsed()) }
    }
}

/// Codes that WeChat refused, by the address that posted them.
pub struct RefusedCodes {
    limit: Option<u64>,
    by_address: Cache<IpAddr, Arc<Window<u64>>>,
}

impl RefusedCodes {
    /// No limit is none.
    pub fn new(limit: Option<u64>) -> Self {
        let by_address = Cache::builder().max_capacity(MAX_ADDRESSES).time_to_live(WINDOW).build();
        Self { limit, by_address }
    }

    /// Whether this address may post one more. One that nobody names may.
    pub fn allow(&self, address: Option<IpAddr>) -> Result<(), TooMany> {
        let window = address.and_then(|address| self.by_address.get(&network(address)));
        match (window, self.limit) {
            (Some(window), Some(limit)) if *window.counted.lock() >= limit => {
                Err(window.too_many())
            }
            _ => Ok(()),
        }
    }

    pub fn count(&self, address: Option<IpAddr>) {
        if let (Some(address), Some(_)) = (address, self.limit) {
            let window = self.by_address.get_with(network(address), Window::begin);
            *window.counted.lock() += 1;
        }
    }
}

/// Whoever has one IPv6 address has its whole /64.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
    }
}

/// Data that no key opened, by the openid it was posted for.
pub struct FailedPhones {
    limit: Option<u64>,
    /// Of each openid, the marks of its data: one more than the limit, at most.
    by_openid: Cache<OpenId, Arc<Window<HashSet<Mark>>>>,
    hasher: RandomState,
}

/// Tells data apart without keeping it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mark(u64);

impl FailedPhones {
    /// No limit is none.
    pub fn new(limit: Option<u64>) -> Self {
        let by_openid = Cache::builder().max_capacity(MAX_OPENIDS).time_to_live(WINDOW).build();
        Self { limit, by_openid, hasher: RandomState::new() }
    }

    pub fn mark(&self, data: &impl Hash) -> Mark {
        Mark(self.hasher.hash_one(data))
    }

    /// Whether one more failure would be above the limit.
    pub fn would_be_too_many(&self, openid: &OpenId, mark: Mark) -> bool {
        let (Some(limit), Some(window)) = (self.limit, self.by_openid.get(openid)) else {
            return false;
        };
        let marks = window.counted.lock();
        marks.len() as u64 + u64::from(!marks.contains(&mark)) > limit
    }

    /// Counts a failure; the same data counts once.
    pub fn count(&self, openid: &OpenId, mark: Mark) -> Result<(), TooMany> {
        let Some(limit) = self.limit else {
            return Ok(());
        };
        let window = self.by_openid.get_with(openid.clone(), Window::begin);
        let mut marks = window.counted.lock();
        if marks.len() as u64 <= limit {
            marks.insert(mark);
        }
        if marks.len() as u64 > limit { Err(window.too_many()) } else { Ok(()) }
    }

    /// A new key may open what the others did not.
    pub fn forget(&self, openid: &OpenId) {
        self.by_openid.invalidate(openid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn an_address_is_limited_by_itself_and_an_ipv6_one_with_its_64() {
        let refused = RefusedCodes::new(Some(2));
        for posted in ["1.2.3.4", "1.2.3.4", "2001:db8::1", "2001:db8::2:1"] {
            assert!(refused.allow(address(posted)).is_ok(), "{posted}");
            refused.count(address(posted));
        }
        for (posted, is_allowed) in [
            ("1.2.3.4", false),
            ("1.2.3.5", true),
            ("2001:db8::9", false),
            ("2001:db8:0:1::9", true),
        ] {
            assert_eq!(refused.allow(address(posted)).is_ok(), is_allowed, "{posted}");
        }
        assert!(refused.allow(None).is_ok());
    }

    #[test]
    fn data_counts_once_and_a_new_key_clears_the_count() {
        let failed = FailedPhones::new(Some(2));
        let Some(openid) = OpenId::parse("oAlice") else {
            unreachable!("it is one");
        };
        let [a, b, c] = ["a", "b", "c"].map(|data| failed.mark(&data));
        for (mark, is_allowed) in
            [(a, true), (a, true), (b, true), (a, true), (c, false), (a, false)]
        {
            assert_eq!(!failed.would_be_too_many(&openid, mark), is_allowed);
            assert_eq!(failed.count(&openid, mark).is_ok(), is_allowed);
        }
        failed.forget(&openid);
        assert!(failed.count(&openid, c).is_ok());
    }

    #[test]
    fn no_limit_is_none() {
        let (refused, failed) = (RefusedCodes::new(None), FailedPhones::new(None));
        let Some(openid) = OpenId::parse("oAlice") else {
            unreachable!("it is one");
        };
        for number in 0..100 {
            refused.count(address("1.2.3.4"));
            assert!(refused.allow(address("1.2.3.4")).is_ok());
            assert!(failed.count(&openid, failed.mark(&number)).is_ok());
        }
    }
}
