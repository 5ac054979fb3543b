//! `X-Forwarded-For`: nobody who is no proxy of ours is believed, and nothing that a caller writes
//! hides whom a proxy of ours names.
//!
//! Input: a line with the peer, a line with the trusted networks, and a header a line.

#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "a target that finds something panics")]

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use libfuzzer_sys::{Corpus, fuzz_target};
use wxauth::http::TrustedProxies;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(call) = Call::read(input) else {
        return Corpus::Reject;
    };
    let client = call.client(&call.lines);
    if !call.trusts(call.peer) {
        assert_eq!(client, None, "the peer is no proxy of ours");
        return Corpus::Keep;
    }
    if let Some(client) = client {
        assert_eq!(client, client.to_canonical());
    }
    call.assert_a_proxy_is_heard_whatever_stands_left_of_it();
    call.assert_what_is_invented_on_the_left_changes_nothing(client);
    let joined = call.lines.join(b", ".as_slice());
    let is_said = !call.lines.is_empty();
    assert!(!is_said || call.client(&[joined]) == client, "several headers are one");
    Corpus::Keep
});

struct Call {
    peer: IpAddr,
    networks: Vec<IpNet>,
    proxies: TrustedProxies,
    lines: Vec<Vec<u8>>,
}

impl Call {
    fn read(input: &[u8]) -> Option<Self> {
        let mut lines = input.split(|byte| *byte == b'\n');
        let mut line = || str::from_utf8(lines.next()?).ok();
        let peer = line()?.parse().ok()?;
        let networks: Result<Vec<IpNet>, _> = line()?.split(',').map(str::parse).collect();
        let networks = networks.ok()?;
        let lines = lines.map(|line| line.trim_ascii().to_owned());
        let lines: Vec<Vec<u8>> =
            lines.filter(|line| HeaderValue::from_bytes(line).is_ok()).collect();
        Some(Self { peer, proxies: TrustedProxies::new(networks.clone()), networks, lines })
    }

    fn client(&self, lines: &[Vec<u8>]) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers
                .append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).expect("a header's value"));
        }
        self.proxies.client(Some(self.peer), &headers)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// As nginx appends whom it was called by to what that one sent.
    fn assert_a_proxy_is_heard_whatever_stands_left_of_it(&self) {
        for caller in ["198.51.100.7", "2001:db8::7"] {
            let address: IpAddr = caller.parse().expect("an address");
            if self.trusts(address) {
                continue;
            }
            let mut lines = self.lines.clone();
            match lines.last_mut() {
                Some(last) => last.extend_from_slice(format!(", {caller}").as_bytes()),
                None => lines.push(caller.as_bytes().to_vec()),
            }
            assert_eq!(self.client(&lines), Some(address), "appended to the last header");
            let lines = [self.lines.clone(), vec![caller.as_bytes().to_vec()]].concat();
            assert_eq!(self.client(&lines), Some(address), "in a header of its own");
        }
    }

    fn assert_what_is_invented_on_the_left_changes_nothing(&self, client: Option<IpAddr>) {
        let is_invented_by_the_client = client.is_some_and(|client| !self.trusts(client));
        if is_invented_by_the_client || (client.is_none() && !self.lines.is_empty()) {
            let lines = [vec![b"203.0.113.9".to_vec()], self.lines.clone()].concat();
            assert_eq!(self.client(&lines), client);
        }
    }
}
