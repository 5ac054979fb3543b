//! Several addresses are tried, each a moment after the one before; the first with which the
//! connection stands, TLS included, has won (happy eyeballs, RFC 8305). Only connections race: the
//! request goes out once, on the one that stands.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_rt::net::TcpStream;
use actix_rt::time::{Instant, sleep, timeout};
use rustls::pki_types::ServerName;
use tokio::task::{JoinError, JoinSet};
use tokio_rustls::TlsConnector;

use super::addresses::Addresses;
use super::stream::Stream;
use super::tls::tls_connector;
use crate::config::ApiHost;

/// How long an address is alone before the next one is tried beside it.
const HEAD_START: Duration = Duration::from_millis(300);
/// How long an address may take, so that another try has a chance. A packet that got lost on the
/// way is sent again after one second.
const MAX_TRY: Duration = Duration::from_secs(2);

/// Connects to one of WeChat's hosts. Shared by all threads.
pub struct Racer {
    addresses: Addresses,
    tls: Option<Tls>,
    head_start: Duration,
}

#[derive(Clone)]
struct Tls {
    connector: TlsConnector,
    name: String,
}

/// One connection in the making.
struct Race<'a> {
    racer: &'a Racer,
    waiting: std::vec::IntoIter<SocketAddr>,
    /// Those that have neither failed nor won.
    begun: Vec<SocketAddr>,
    under_way: JoinSet<Tried>,
}

type Tried = (SocketAddr, io::Result<Stream>);

impl Racer {
    /// `budget` is what a whole exchange may take: where it is short, addresses follow faster.
    pub fn new(host: &ApiHost, budget: Duration) -> Self {
        let tls =
            host.is_https.then(|| Tls { connector: tls_connector(), name: host.name.clone() });
        Self { addresses: Addresses::of(host), tls, head_start: HEAD_START.min(budget / 4) }
    }

    /// The first connection that stands, if one does until then.
    pub async fn connect(&self, until: Instant) -> io::Result<Stream> {
        let left = || until.saturating_duration_since(Instant::now());
        let addresses = timeout(left(), self.addresses.in_order()).await;
        let addresses = addresses.map_err(|_| too_late("its name was not resolved in time"))??;
        let mut race = Race {
            racer: self,
            waiting: addresses.into_iter(),
            begun: Vec::new(),
            under_way: JoinSet::new(),
        };
        let won = timeout(left(), race.run()).await;
        let won = won.unwrap_or_else(|_| Err(too_late("no connection came about in time")));
        if won.is_err() {
            self.addresses.doubt();
        }
        won
    }
}

impl Race<'_> {
    async fn run(&mut self) -> io::Result<Stream> {
        let mut failure = too_late("no address was tried");
        while self.begin_next() || !self.under_way.is_empty() {
            tokio::select! {
                Some(tried) = self.under_way.join_next() => match self.end(tried) {
                    Ok(stream) => return Ok(stream),
                    Err(error) => failure = error,
                },
                () = sleep(self.racer.head_start), if self.waiting.len() > 0 => {}
            }
        }
        Err(failure)
    }

    /// Returns whether there was one more.
    fn begin_next(&mut self) -> bool {
        let Some(address) = self.waiting.next() else {
            return false;
        };
        self.begun.push(address);
        self.under_way.spawn(attempt(address, self.racer.tls.clone()));
        true
    }

    /// Where one has won, those that began after it have not had their time.
    fn end(&mut self, tried: Result<Tried, JoinError>) -> io::Result<Stream> {
        let (address, connected) = tried.map_err(io::Error::other)?;
        let place = self.begun.iter().position(|begun| *begun == address);
        if connected.is_ok() {
            self.begun.truncate(place.unwrap_or(0));
            self.racer.addresses.stood_at(address);
        } else {
            place.map(|place| self.begun.remove(place));
            self.racer.addresses.failed_at(address);
        }
        connected
    }
}

impl Drop for Race<'_> {
    /// Those that were overtaken, or did not answer before the time was over, come last from now on.
    fn drop(&mut self) {
        self.begun.iter().for_each(|address| self.racer.addresses.failed_at(*address));
    }
}

async fn attempt(address: SocketAddr, tls: Option<Tls>) -> (SocketAddr, io::Result<Stream>) {
    let connecting = async {
        let tcp = TcpStream::connect(address).await?;
        let Some(Tls { connector, name }) = tls else {
            return Ok(Stream::Plain(tcp));
        };
        let name = ServerName::try_from(name).map_err(io::Error::other)?;
        Ok(Stream::Tls(Box::new(connector.connect(name, tcp).await?)))
    };
    let connected = timeout(MAX_TRY, connecting).await;
    (address, connected.unwrap_or_else(|_| Err(too_late("an address did not answer"))))
}

fn too_late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}
