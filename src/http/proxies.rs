//! Who calls, where proxies stand in front: only those are believed that the operator lists, or lets at
//! a unix socket.

use std::net::IpAddr;

use actix_web::http::header::{HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The caller's address, where a trusted proxy names it.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub Option<IpAddr>);

/// `TRUSTED_PROXIES`.
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    /// The address that the trusted proxies name: each has added whom it was called by at the right,
    /// so what stands left of the first that is no proxy of ours is the caller's own invention.
    /// A peer without an address is at the other end of a unix socket: whoever may open it is trusted.
    /// The answer is `None` where the peer is no proxy, or what it says is no address.
    pub fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        if peer.is_some_and(|peer| !self.trusts(peer.to_canonical())) {
            return None;
        }
        // As bytes: what a caller wrote on the left, no text perhaps, must not hide the rest.
        let lines: Vec<&[u8]> =
            headers.get_all(X_FORWARDED_FOR).map(|line| line.as_bytes()).collect();
        let mut client = None;
        for entry in lines.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
            let address = parse(entry)?;
            client = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// With or without a port, and with brackets around an IPv6 address or without.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let entry = str::from_utf8(entry).ok()?.trim();
    let address = match entry.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?.0,
        // One colon parts a port; more are an IPv6 address's own.
        None if entry.matches(':').count() == 1 => entry.split_once(':')?.0,
        None => entry,
    };
    address.parse().ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_first_from_the_right_that_is_no_proxy_is_the_client() {
        let networks =
            ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap_or_default());
        let proxies = TrustedProxies::new(networks.to_vec());
        for (peer, lines, client, reason) in [
            ("10.0.0.1", vec!["1.2.3.4"], Some("1.2.3.4"), "one proxy"),
            ("9.9.9.9", vec!["1.2.3.4"], None, "not a proxy of ours"),
            ("unix", vec!["6.6.6.6, 1.2.3.4, 10.0.0.2"], Some("1.2.3.4"), "a unix socket"),
            ("10.0.0.1", vec![], None, "it names nobody"),
            ("10.0.0.1", vec!["6.6.6.6, 1.2.3.4, 10.0.0.2"], Some("1.2.3.4"), "two proxies"),
            ("10.0.0.1", vec!["6.6.6.6", "1.2.3.4,10.0.0.2"], Some("1.2.3.4"), "two headers"),
            ("10.0.0.1", vec!["1.2.3.4, 10.0.0.2", "10.0.0.3"], Some("1.2.3.4"), "two headers"),
            ("10.0.0.1", vec!["10.0.0.9, 10.0.0.2"], Some("10.0.0.9"), "proxies only"),
            ("10.0.0.1", vec!["1.2.3.4:5678"], Some("1.2.3.4"), "a port"),
            ("fd00::1", vec!["[2001:db8::1]:443"], Some("2001:db8::1"), "brackets and a port"),
            ("10.0.0.1", vec!["2001:db8::1"], Some("2001:db8::1"), "neither"),
            ("::ffff:10.0.0.1", vec!["::ffff:1.2.3.4"], Some("1.2.3.4"), "IPv4 in IPv6"),
            ("10.0.0.1", vec!["1.2.3.4, unknown"], None, "no address"),
            ("10.0.0.1", vec!["unknown, 1.2.3.4"], Some("1.2.3.4"), "invented on the left"),
            ("10.0.0.1", vec!["\u{e9}, 1.2.3.4"], Some("1.2.3.4"), "no ASCII on the left"),
            ("10.0.0.1", vec!["1.2.3.4, \u{e9}"], None, "no ASCII on the right"),
            ("10.0.0.1", vec![""], None, "empty"),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                let value = HeaderValue::from_bytes(line.as_bytes());
                headers.append(X_FORWARDED_FOR, value.unwrap_or(HeaderValue::from_static("-")));
            }
            let found = proxies.client(peer.parse().ok(), &headers);
            assert_eq!(found, client.and_then(|client| client.parse().ok()), "{reason}: {lines:?}");
        }
    }
}
