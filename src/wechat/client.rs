//! The client: asks WeChat, again where no code was consumed, within a budget.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::{Instant, sleep, timeout};
use actix_web::web::Bytes;
use awc::error::{ConnectError, SendRequestError};
use awc::http::header::{DATE, HeaderValue};
use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::sync::Semaphore;

use super::answer::read_answer;
use super::attempt::Attempt;
use super::exchange::{ExchangeError, Session};
use crate::config::WeChatConfig;
use crate::metrics::Exchanges;
use crate::values::LoginCode;

/// Exchanges under way at once; each may hold an answer of [`MAX_ANSWER_BYTES`].
const MAX_EXCHANGES: usize = 1_024;
/// Connections to WeChat; further exchanges wait for one within their budget, before they are made
/// into requests, which take some 8 kB each.
const MAX_CONNECTIONS: usize = 128;
/// WeChat's answers are below 300 bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Shorter than common servers' own limits, so that a connection is seldom closed under a request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The first pause before WeChat is asked again; it doubles up to [`LAST_PAUSE`], with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LAST_PAUSE: Duration = Duration::from_millis(800);
/// An attempt that is cut off may have consumed the code, so none begins with less time left.
const MIN_ATTEMPT: Duration = Duration::from_millis(200);

/// Talks to WeChat. awc's clients cannot leave their thread, so this lives on one.
pub struct WeChat {
    /// Holds the connections, and is replaced when one of them falls silent or breaks.
    pub(super) client: RefCell<Rc<awc::Client>>,
    tls: Option<Arc<rustls::ClientConfig>>,
    /// The whole URL but for the code, the secret in it.
    url_up_to_code: String,
    budget: Duration,
    permits: Semaphore,
    connections: Semaphore,
}

impl WeChat {
    /// Connects when first used, so that this cannot fail.
    pub fn new(config: &WeChatConfig) -> Self {
        let tls = config.api_base.starts_with("https://").then(|| Arc::new(tls_config()));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("appid", &config.appid)
            .append_pair("secret", config.secret.expose())
            .append_pair("grant_type", "authorization_code")
            .finish();
        let url_up_to_code = format!("{}/sns/jscode2session?{query}&js_code=", config.api_base);
        Self {
            client: RefCell::new(Rc::new(new_client(config.timeout, tls.clone()))),
            tls,
            url_up_to_code,
            budget: config.timeout,
            permits: Semaphore::new(MAX_EXCHANGES),
            connections: Semaphore::new(MAX_CONNECTIONS),
        }
    }

    /// Trades a code for a session, within the budget of the configuration.
    ///
    /// Source: WeChat's documentation of `auth.code2Session`. WeChat is asked again only when it
    /// surely has not consumed the code: errcode -1, or a refused connection.
    pub async fn exchange(
        &self,
        code: &LoginCode,
        metrics: &Exchanges,
    ) -> Result<Session, ExchangeError> {
        let _permit = self.permits.try_acquire().map_err(|_| ExchangeError::Busy)?;
        let begun = Instant::now();
        let answer = self.ask_in_time(code, metrics, begun + self.budget).await;
        metrics.ended(begun.elapsed());
        answer
    }

    async fn ask_in_time(
        &self,
        code: &LoginCode,
        metrics: &Exchanges,
        deadline: Instant,
    ) -> Result<Session, ExchangeError> {
        let url = self.url(code.expose());
        let mut pauses = ExponentialBuilder::new()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LAST_PAUSE)
            .without_max_times()
            .with_jitter()
            .build();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let client = Rc::clone(&self.client.borrow());
            let attempt = timeout(left, self.attempt(&client, &url)).await;
            let (attempt, answer) =
                attempt.unwrap_or((Attempt::Timeout, Err(ExchangeError::Timeout)));
            metrics.attempted(attempt.name());
            if matches!(attempt, Attempt::Timeout | Attempt::Transport) {
                self.distrust(&client);
            }
            let error = match answer {
                Err(error @ ExchangeError::NotConsumed(_)) => error,
                done => return done,
            };
            let pause = pauses.next().unwrap_or(LAST_PAUSE);
            if Instant::now() + pause + MIN_ATTEMPT >= deadline {
                return Err(error);
            }
            log::debug!("asking WeChat again in {} ms: {error}", pause.as_millis());
            sleep(pause).await;
        }
    }

    /// What cut off one connection without a word has cut off the others too: none of this client's
    /// is used again, or each would cost a login.
    fn distrust(&self, client: &Rc<awc::Client>) {
        if Rc::ptr_eq(client, &self.client.borrow()) {
            self.client.replace(Rc::new(new_client(self.budget, self.tls.clone())));
        }
    }

    /// Secret, as the app secret is in it.
    pub(super) fn url(&self, code: &str) -> String {
        let code: String = form_urlencoded::byte_serialize(code.as_bytes()).collect();
        format!("{}{code}", self.url_up_to_code)
    }

    async fn attempt(
        &self,
        client: &awc::Client,
        url: &str,
    ) -> (Attempt, Result<Session, ExchangeError>) {
        match self.fetch(client, url).await {
            Ok(Fetched { body, .. }) => {
                let answer = read_answer(&body);
                (Attempt::answered(&answer, &body), answer)
            }
            Err(error) => (Attempt::unanswered(&error), Err(error)),
        }
    }

    pub(super) async fn fetch(
        &self,
        client: &awc::Client,
        url: &str,
    ) -> Result<Fetched, ExchangeError> {
        let _connection = self.connections.acquire().await.map_err(|_| ExchangeError::Busy)?;
        let mut response = client.get(url).send().await.map_err(|error| unsent(&error))?;
        let status = response.status();
        // Good and bad answers alike come with 200.
        if status.as_u16() != 200 {
            return Err(ExchangeError::Unusable(format!("WeChat answered HTTP {status}")));
        }
        let body = response.body().limit(MAX_ANSWER_BYTES).await.map_err(|error| {
            ExchangeError::Unusable(format!("WeChat's answer broke off: {error}"))
        })?;
        Ok(Fetched { date: response.headers().get(DATE).cloned(), body })
    }
}

/// A complete answer.
pub(super) struct Fetched {
    /// When WeChat sent it, by WeChat's clock.
    pub date: Option<HeaderValue>,
    pub body: Bytes,
}

fn new_client(budget: Duration, tls: Option<Arc<rustls::ClientConfig>>) -> awc::Client {
    let mut connector =
        awc::Connector::new().timeout(budget).limit(MAX_CONNECTIONS).conn_keep_alive(KEEP_ALIVE);
    if let Some(tls) = tls {
        connector = connector.rustls_0_23(tls);
    }
    awc::Client::builder().connector(connector).disable_redirects().disable_timeout().finish()
}

/// The system's certificate authorities (and `SSL_CERT_FILE`'s), so that a company's own proxy
/// is accepted, and Mozilla's, so that a container without any works too.
fn tls_config() -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        log::warn!("some of the system's certificates cannot be read: {error}");
    }
    roots.add_parsable_certificates(system.certs);
    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}

fn unsent(error: &SendRequestError) -> ExchangeError {
    match error {
        SendRequestError::Connect(ConnectError::Io(io)) if is_refused(io) => {
            ExchangeError::NotConsumed("WeChat's address refuses connections".to_owned())
        }
        SendRequestError::Connect(cause) => {
            ExchangeError::Unusable(format!("cannot connect to WeChat: {cause}"))
        }
        // The other kinds may quote the URL, and the secret is in it.
        SendRequestError::Send(cause) => {
            ExchangeError::Unusable(format!("the connection to WeChat broke: {cause}"))
        }
        SendRequestError::Response(cause) => {
            ExchangeError::Unusable(format!("WeChat's answer is not HTTP: {cause}"))
        }
        SendRequestError::Timeout => ExchangeError::Timeout,
        _ => ExchangeError::Unusable("the request to WeChat could not be sent".to_owned()),
    }
}

fn is_refused(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ConnectionRefused
}
