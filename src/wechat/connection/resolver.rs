//! The addresses of a name, asked of the system's resolver: by `/etc/hosts`, by DNS, as it is set up.

use std::io;
use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use actix_rt::time::{Instant, timeout};
use dns_lookup::{AddrFamily, AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use tokio::sync::watch;

/// How long an answer serves before the resolver is asked again.
const FRESH: Duration = Duration::from_secs(10);
/// How long the resolver is waited for where an older answer is at hand.
const SILENCE: Duration = Duration::from_millis(300);
/// How long one family waits for the other (RFC 8305, section 3).
const OTHER_FAMILY: Duration = Duration::from_millis(50);

/// Asks for both families apart, as there are resolvers that answer for one of them only.
pub struct Resolver {
    four: Family,
    six: Family,
}

struct Family {
    name: String,
    family: AddrFamily,
    known: watch::Sender<Known>,
}

/// What is known of a name in one family.
#[derive(Default)]
struct Known {
    /// The last good answer. It serves for as long as the resolver is silent.
    addresses: Vec<IpAddr>,
    asked: Option<Instant>,
    /// One thread asks at a time; getaddrinfo cannot be interrupted.
    is_asking: bool,
    /// It did not serve, however fresh it is.
    is_doubtful: bool,
}

impl Resolver {
    pub fn new(name: &str) -> Self {
        let family =
            |family| Family { name: name.to_owned(), family, known: watch::Sender::default() };
        Self { four: family(AddrFamily::Inet), six: family(AddrFamily::Inet6) }
    }

    /// The addresses of IPv4 and of IPv6; neither is waited for long where the other is there.
    pub async fn addresses(&self) -> (Vec<IpAddr>, Vec<IpAddr>) {
        let mut four = Box::pin(self.four.addresses());
        let mut six = Box::pin(self.six.addresses());
        tokio::select! {
            found = &mut four => {
                let other = not_long_after(&found, six, &self.six).await;
                (found, other)
            }
            found = &mut six => {
                let other = not_long_after(&found, four, &self.four).await;
                (other, found)
            }
        }
    }

    /// None of the addresses served, so the next to come asks anew.
    pub fn doubt(&self) {
        for family in [&self.four, &self.six] {
            family.known.send_modify(|known| known.is_doubtful = true);
        }
    }
}

async fn not_long_after(
    found: &[IpAddr],
    answer: impl Future<Output = Vec<IpAddr>>,
    other: &Family,
) -> Vec<IpAddr> {
    if found.is_empty() {
        return answer.await;
    }
    timeout(OTHER_FAMILY, answer).await.unwrap_or_else(|_| other.last_good())
}

impl Family {
    async fn addresses(&self) -> Vec<IpAddr> {
        self.ask_if_old();
        let mut receiver = self.known.subscribe();
        let limit = receiver.borrow().limit();
        let answered = receiver.wait_for(|known| !known.is_asking);
        match limit {
            // The last good answer has to do, if this takes too long.
            Some(limit) => drop(timeout(limit, answered).await),
            None => drop(answered.await),
        }
        self.last_good()
    }

    fn last_good(&self) -> Vec<IpAddr> {
        self.known.borrow().addresses.clone()
    }

    fn ask_if_old(&self) {
        let has_begun = self.known.send_if_modified(|known| {
            let is_fresh = known.asked.is_some_and(|asked| asked.elapsed() < FRESH);
            let begins = !known.is_asking && (known.is_doubtful || !is_fresh);
            if begins {
                known.asked = Some(Instant::now());
                (known.is_asking, known.is_doubtful) = (true, false);
            }
            begins
        });
        if has_begun {
            let (name, family, known) = (self.name.clone(), self.family, self.known.clone());
            let asking = thread::Builder::new().name("resolver".to_owned());
            let asking = asking.spawn(move || learn(&known, look_up(&name, family)));
            if let Err(error) = asking {
                learn(&self.known, Err(error));
            }
        }
    }
}

impl Known {
    /// How long an answer is still waited for where an older one can serve.
    fn limit(&self) -> Option<Duration> {
        let asked = self.asked.filter(|_| !self.addresses.is_empty());
        asked.map(|asked| SILENCE.saturating_sub(asked.elapsed()))
    }
}

/// A failure leaves what is known; "there is none" does not.
fn learn(known: &watch::Sender<Known>, found: io::Result<Vec<IpAddr>>) {
    known.send_modify(|known| {
        known.is_asking = false;
        if let Ok(addresses) = found {
            known.addresses = addresses;
        }
    });
}

/// Empty where the name has no address of this family. Blocks, on some machines for half a minute.
fn look_up(name: &str, family: AddrFamily) -> io::Result<Vec<IpAddr>> {
    let hints = AddrInfoHints {
        address: family.into(),
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    match getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => found.map(|info| Ok(info?.sockaddr.ip())).collect(),
        Err(error) if is_failure(&error) => Err(error.into()),
        Err(_) => Ok(Vec::new()),
    }
}

/// As opposed to an answer that there is none.
fn is_failure(error: &LookupError) -> bool {
    matches!(
        error.kind(),
        LookupErrorKind::Again
            | LookupErrorKind::Fail
            | LookupErrorKind::Memory
            | LookupErrorKind::System
    )
}
