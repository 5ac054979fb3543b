//! The addresses of one of WeChat's hosts, in the order in which they are worth a try.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use actix_rt::time::Instant;
use parking_lot::{Mutex, MutexGuard};

use super::resolver::Resolver;
use crate::config::ApiHost;

/// How long an address that failed comes last.
const LAST: Duration = Duration::from_secs(30);
/// Addresses that one connection tries, at most.
const MOST: usize = 16;

pub struct Addresses {
    name: Name,
    port: u16,
    failed: Mutex<HashMap<IpAddr, Instant>>,
}

enum Name {
    Address(IpAddr),
    Name(Resolver),
}

impl Addresses {
    pub fn of(host: &ApiHost) -> Self {
        let name = match host.name.parse() {
            Ok(address) => Name::Address(address),
            Err(_) => Name::Name(Resolver::new(&host.name)),
        };
        Self { name, port: host.port, failed: Mutex::default() }
    }

    /// The families take turns, so that one that leads nowhere costs one try. IPv4 begins: it is
    /// what allow-lists hold, and what is seen to fail for years is WeChat's IPv6.
    pub async fn in_order(&self) -> io::Result<Vec<SocketAddr>> {
        let mut addresses = match &self.name {
            Name::Address(address) => vec![*address],
            Name::Name(resolver) => {
                let (four, six) = resolver.addresses().await;
                in_turns(four, six)
            }
        };
        if addresses.is_empty() {
            self.doubt();
            return Err(io::Error::new(io::ErrorKind::NotFound, "its name has no address"));
        }
        let failed = self.failed();
        addresses.sort_by_key(|address| failed.contains_key(address));
        Ok(addresses.into_iter().take(MOST).map(|ip| SocketAddr::new(ip, self.port)).collect())
    }

    pub fn failed_at(&self, address: SocketAddr) {
        self.failed().insert(address.ip(), Instant::now());
    }

    pub fn stood_at(&self, address: SocketAddr) {
        self.failed().remove(&address.ip());
    }

    /// None of them served: the name may have moved.
    pub fn doubt(&self) {
        if let Name::Name(resolver) = &self.name {
            resolver.doubt();
        }
    }

    /// Those that failed lately.
    fn failed(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        let mut failed = self.failed.lock();
        failed.retain(|_, since| since.elapsed() < LAST);
        failed
    }
}

fn in_turns(four: Vec<IpAddr>, six: Vec<IpAddr>) -> Vec<IpAddr> {
    let (mut four, mut six) = (four.into_iter(), six.into_iter());
    let mut addresses = Vec::new();
    loop {
        let pair = [four.next(), six.next()];
        if pair == [None, None] {
            return addresses;
        }
        addresses.extend(pair.into_iter().flatten());
    }
}
