//! The client: asks WeChat, again where no code was consumed, within a budget.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::{Instant, sleep, timeout};
use actix_web::web::Bytes;
use awc::error::{ConnectError, SendRequestError};
use awc::http::header::{DATE, HeaderValue};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::task::yield_now;

use super::answer::Answer;
use super::attempt::Attempt;
use super::connection::{Connector, Sending};
use super::errcodes::Class;
use super::exchange::{ExchangeError, Session};
use super::quota::Permission;
use super::upstream::{MAX_CONNECTIONS, Place, Upstream};
use crate::metrics::Exchanges;
use crate::values::{LoginCode, Secret};

/// WeChat's answers are below 300 bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Shorter than common servers' own limits, so that a connection is seldom closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The first pause before WeChat is asked again; it doubles up to [`LAST_PAUSE`], with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_millis(800);
/// A request that is cut off may have consumed the code, so none is sent with less time left. Of
/// short budgets it is a quarter.
const MIN_ANSWER: Duration = Duration::from_millis(200);
/// How long one host may take to be connected with where there are others.
const MAX_CONNECT: Duration = Duration::from_secs(2);
/// WeChat's refusal of the secret.
const SECRET_REFUSED: i64 = 40125;

/// Talks to WeChat. awc's clients cannot leave their thread, so this lives on one.
pub struct WeChat {
    pub(super) upstream: Arc<Upstream>,
    /// One a host. Each holds its connections, and is replaced when one of them falls silent or
    /// breaks.
    clients: Vec<RefCell<Rc<awc::Client>>>,
}

impl WeChat {
    pub fn new(upstream: Arc<Upstream>) -> Self {
        let clients = upstream.places.iter().map(|place| RefCell::new(Rc::new(new_client(place))));
        Self { clients: clients.collect(), upstream }
    }

    /// Trades a code for a session, within the budget of the configuration.
    ///
    /// Source: WeChat's documentation of `auth.code2Session`. WeChat is asked again only when it
    /// surely has not consumed the code: errcode -1, a refused secret that has changed, or no
    /// connection.
    pub async fn exchange(
        &self,
        code: &LoginCode,
        metrics: &Exchanges,
    ) -> Result<Session, ExchangeError> {
        let Upstream { exchanges, connections, quota, budget, .. } = &*self.upstream;
        let _permit = exchanges.try_acquire().map_err(|_| ExchangeError::Busy)?;
        let begun = Instant::now();
        // A code that is sent with little time left may be consumed for nothing.
        let waiting = timeout(*budget / 2, connections.acquire());
        let Ok(Ok(_connection)) = waiting.await else {
            return Err(ExchangeError::Busy);
        };
        let quota = quota.ask().map_err(|left| {
            let cause = "WeChat is not asked for a while, as the app's quota is used up";
            ExchangeError::QuotaExhausted(cause.to_owned(), left)
        })?;
        let answer = self.ask_in_time(code, &quota, metrics, begun + *budget).await;
        metrics.ended(begun.elapsed());
        answer
    }

    async fn ask_in_time(
        &self,
        code: &LoginCode,
        quota: &Permission<'_>,
        metrics: &Exchanges,
        deadline: Instant,
    ) -> Result<Session, ExchangeError> {
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LAST_PAUSE)
            .without_max_times()
            .with_jitter()
            .build();
        let mut place = self.upstream.hosts.choose();
        loop {
            let credentials = self.upstream.secret.credentials();
            let query = query(&credentials, code.expose());
            let attempt = self.attempt(place, &query, deadline).await;
            self.note(place, &attempt, metrics);
            let Some(retry) = self.retry(place, &attempt, &credentials) else {
                return end(attempt, quota);
            };
            let pause = if retry.at_once { None } else { pauses.next() }.unwrap_or_default();
            if Instant::now() + pause + self.min_attempt() >= deadline {
                return end(attempt, quota);
            }
            log::debug!("asking WeChat again in {} ms: {}", pause.as_millis(), attempt.name());
            sleep(pause).await;
            place = retry.place;
        }
    }

    /// Where to ask again, if the code is surely not consumed.
    fn retry(&self, place: usize, attempt: &Attempt, credentials: &Arc<Secret>) -> Option<Retry> {
        match attempt {
            Attempt::NoConnection(_) => {
                let next = self.upstream.hosts.choose();
                Some(Retry { place: next, at_once: next != place })
            }
            Attempt::Refusal(refusal) if refusal.class() == Class::Busy => {
                Some(Retry { place, at_once: false })
            }
            Attempt::Refusal(refusal) if refusal.errcode == SECRET_REFUSED => {
                let has_changed = self.upstream.secret.has_changed_from(credentials);
                has_changed.then_some(Retry { place, at_once: true })
            }
            _ => None,
        }
    }

    /// What an attempt shows of its host, for those that follow.
    fn note(&self, place: usize, attempt: &Attempt, metrics: &Exchanges) {
        metrics.attempted(attempt.name());
        let hosts = &self.upstream.hosts;
        let is_news = match attempt {
            Attempt::Session(_) => hosts.served(place),
            Attempt::Refusal(refusal) => {
                self.upstream.tell_if_unknown(refusal);
                hosts.served(place)
            }
            Attempt::NoConnection(cause) | Attempt::Transport(cause) | Attempt::Unusable(cause) => {
                hosts.failed(place, cause)
            }
            Attempt::Timeout => hosts.failed(place, "no answer in time"),
        };
        let has_answered = matches!(attempt, Attempt::Session(_) | Attempt::Refusal(_));
        metrics.asked(place, has_answered);
        if is_news {
            metrics.left_out(place, !has_answered);
        }
    }

    async fn attempt(&self, place: usize, query: &str, deadline: Instant) -> Attempt {
        let body = match self.fetch(place, query, deadline).await {
            Ok(fetched) => fetched.body,
            Err(attempt) => return attempt,
        };
        match Answer::read(&body) {
            Answer::Session(session) => Attempt::Session(session),
            Answer::Refusal(refusal) => Attempt::Refusal(refusal),
            Answer::Unusable(cause) => Attempt::Unusable(cause.to_owned()),
        }
    }

    /// Sends one request to one host; an `Err` is what came of it instead of a whole answer.
    pub(super) async fn fetch(
        &self,
        place: usize,
        query: &str,
        deadline: Instant,
    ) -> Result<Fetched, Attempt> {
        let (Some(host), Some(client)) = (self.upstream.places.get(place), self.clients.get(place))
        else {
            return Err(Attempt::NoConnection("there is no such host".to_owned()));
        };
        let kept = Rc::clone(&client.borrow());
        let url = format!("{}?{query}", host.url);
        let sending = Sending::connecting_until(self.connect_until(deadline));
        let fetching = timeout(left(deadline), send(&sending, &kept, &url));
        let fetched = fetching.await.unwrap_or_else(|_| {
            Err(if sending.may_have_been_sent() {
                Attempt::Timeout
            } else {
                Attempt::NoConnection("no connection to WeChat came about in time".to_owned())
            })
        });
        if let Err(Attempt::Timeout | Attempt::Transport(_)) = &fetched {
            distrust(client, &kept, host);
        }
        fetched
    }

    fn connect_until(&self, deadline: Instant) -> Instant {
        let hosts = u32::try_from(self.clients.len()).unwrap_or(u32::MAX).max(1);
        let longest = MAX_CONNECT.min(self.upstream.budget / hosts);
        (Instant::now() + longest).min(deadline - self.min_answer())
    }

    fn min_answer(&self) -> Duration {
        MIN_ANSWER.min(self.upstream.budget / 4)
    }

    /// As much again for the connection: a host that had less is not to blame.
    fn min_attempt(&self) -> Duration {
        self.min_answer() * 2
    }
}

/// Where WeChat is asked again.
struct Retry {
    place: usize,
    at_once: bool,
}

/// A complete answer.
pub(super) struct Fetched {
    /// When WeChat sent it, by WeChat's clock.
    pub date: Option<HeaderValue>,
    pub body: Bytes,
}

/// What comes after the `?`. Secret.
pub(super) fn query(credentials: &Secret, code: &str) -> String {
    let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
    format!("{}&js_code={code}", credentials.expose())
}

async fn send(sending: &Rc<Sending>, client: &awc::Client, url: &str) -> Result<Fetched, Attempt> {
    // The loop looks at its sockets meanwhile: it may not have seen yet what WeChat has closed.
    yield_now().await;
    let sent = sending.run(client.get(url).send()).await;
    let mut response = sent.map_err(|error| no_answer(&error))?;
    let status = response.status();
    // Also one that is not used, as a connection is kept only behind a whole answer.
    let body = response.body().limit(MAX_ANSWER_BYTES).await;
    // Good and bad answers alike come with 200.
    if status.as_u16() != 200 {
        return Err(Attempt::Unusable(format!("WeChat answered HTTP {status}")));
    }
    let body =
        body.map_err(|error| Attempt::Transport(format!("WeChat's answer broke off: {error}")))?;
    Ok(Fetched { date: response.headers().get(DATE).cloned(), body })
}

fn end(attempt: Attempt, quota: &Permission<'_>) -> Result<Session, ExchangeError> {
    match &attempt {
        Attempt::Refusal(refusal) if refusal.class() == Class::Quota => {
            return Err(ExchangeError::QuotaExhausted(refusal.to_string(), quota.is_used_up()));
        }
        Attempt::Refusal(_) | Attempt::Session(_) => quota.is_not_used_up(),
        _ => {}
    }
    attempt.into_result()
}

fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

/// What cut off one connection without a word has cut off the others too: none of this client's
/// is used again, or each would cost a login.
fn distrust(client: &RefCell<Rc<awc::Client>>, failed: &Rc<awc::Client>, host: &Place) {
    if Rc::ptr_eq(failed, &client.borrow()) {
        client.replace(Rc::new(new_client(host)));
    }
}

/// Its timeouts are those of an exchange, which are ours.
fn new_client(host: &Place) -> awc::Client {
    let connector = awc::Connector::new()
        .connector(Connector(Arc::clone(&host.racer)))
        .timeout(MAX_CONNECT * 2)
        .limit(MAX_CONNECTIONS)
        .conn_keep_alive(KEEP_ALIVE);
    awc::Client::builder().connector(connector).disable_redirects().disable_timeout().finish()
}

/// Why there is no answer, and so whether the request may have been sent.
fn no_answer(error: &SendRequestError) -> Attempt {
    match error {
        // awc says so where the other side closed the connection on which the request went out.
        SendRequestError::Connect(ConnectError::Disconnected) => {
            Attempt::Transport("WeChat closed the connection without an answer".to_owned())
        }
        SendRequestError::Connect(cause) => {
            Attempt::NoConnection(format!("cannot connect to WeChat: {cause}"))
        }
        // The other kinds may quote the URL, and the secret is in it.
        SendRequestError::Send(cause) => {
            Attempt::Transport(format!("the connection to WeChat broke: {cause}"))
        }
        SendRequestError::Response(cause) => {
            Attempt::Transport(format!("WeChat's answer is not HTTP: {cause}"))
        }
        SendRequestError::Timeout => Attempt::Timeout,
        _ => Attempt::Transport("the request to WeChat could not be sent".to_owned()),
    }
}
