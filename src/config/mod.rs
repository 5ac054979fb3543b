//! The only reader of the environment: variables, `.env`, and the files that hold secrets.

mod database_url;
mod doubts;
mod error;
mod variables;
mod wechat;

use std::fmt;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

pub use self::database_url::{DatabaseUrl, SslMode};
pub use self::doubts::VARIABLES;
pub use self::error::ConfigError;
use self::error::{Problems, Result, first_problem};
pub use self::variables::SecretFile;
use self::variables::{
    address, milliseconds, must, networks, number, optional_address, optional_secret, seconds,
    variable,
};
pub use self::wechat::{ApiHost, WeChatConfig, ignored_proxy};
use crate::values::KeySecrets;

/// Everything that `wxauth serve` can be told.
#[derive(Debug, Clone)]
pub struct Config {
    pub database: DatabaseConfig,
    pub wechat: WeChatConfig,
    /// What stored session keys are sealed with.
    pub key_secrets: KeySecrets,
    pub bind: Bind,
    /// Where Prometheus reads; `None` is nowhere.
    pub metrics_bind: Option<SocketAddr>,
    /// How long a stored key counts as alive.
    pub session_ttl: Duration,
    /// How old the watermark of encrypted data may be.
    pub phone_data_max_age: Duration,
    /// How long data that no key opens waits for a login that is still under way.
    pub login_grace: Duration,
    pub response_shape: ResponseShape,
    /// How often expired keys are removed; `None` is never.
    pub purge_interval: Option<Duration>,
    /// HTTP workers.
    pub workers: usize,
    /// How long after SIGTERM connections are still accepted.
    pub drain: Duration,
    /// The proxies in front, whose word on who calls is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Codes of one address that WeChat may refuse in a minute; `None` is any number.
    pub refused_codes_per_minute: Option<u64>,
    /// Different data of one openid that no key may open in a minute; `None` is any number.
    pub failed_phones_per_minute: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    pub url: DatabaseUrl,
    /// `None` is as the client library does by itself.
    pub ssl_mode: Option<SslMode>,
    pub pool_size: u32,
}

/// `BIND`: where pages are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    Tcp(SocketAddr),
    /// A unix socket of systemd's, for a proxy on this machine.
    Unix(PathBuf),
}

impl fmt::Display for Bind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `RESPONSE_SHAPE`: where a page looks for the answer's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseShape {
    /// `{"openid": …}`, for pages that read `wx.request`'s `res.data` themselves.
    Flat,
    /// `{"code": 0, "msg": "ok", "data": {"openid": …}}`, for pages whose request wrapper unwraps
    /// the body.
    Envelope,
}

/// `LOG_FORMAT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    /// One object a line.
    Json,
}

const A_YEAR_SECONDS: u64 = 366 * 24 * 60 * 60;

impl Config {
    /// The whole configuration, or the first variable that is wrong.
    pub fn load() -> Result<Self> {
        first_problem(Self::read)
    }

    /// Every variable that is missing or malformed.
    pub fn problems() -> Vec<ConfigError> {
        let mut problems = Problems::default();
        // Only what is wrong is asked for.
        let _ = Self::read(&mut problems);
        problems.0
    }

    fn read(problems: &mut Problems) -> Option<Self> {
        let database = DatabaseConfig::read(problems);
        let wechat = WeChatConfig::read(problems);
        let key_secrets = problems.note(key_secrets());
        let bind = problems.note(bind());
        let metrics_bind = problems.note(optional_address("METRICS_BIND"));
        let session_ttl = problems.note(session_ttl());
        let phone_data_max_age =
            problems.note(seconds("PHONE_DATA_MAX_AGE_SECONDS", 86_400, 1..=A_YEAR_SECONDS));
        let login_grace = problems.note(milliseconds("LOGIN_GRACE_MS", 1_000, 0..=30_000));
        let response_shape = problems.note(response_shape());
        let purge_interval =
            problems.note(seconds("PURGE_INTERVAL_SECONDS", 3_600, 0..=A_YEAR_SECONDS));
        let workers = problems.note(number("WORKERS", available_cores(), 1..=1_024));
        let drain = problems.note(seconds("DRAIN_SECONDS", 0, 0..=3_600));
        let trusted_proxies = problems.note(networks("TRUSTED_PROXIES"));
        let refused_codes = problems.note(number("REFUSED_CODES_PER_MINUTE", 600, 0..=1_000_000));
        let failed_phones = problems.note(number("FAILED_PHONES_PER_MINUTE", 60, 0..=1_000));
        problems.note(log_format());
        Some(Self {
            database: database?,
            wechat: wechat?,
            key_secrets: key_secrets?,
            bind: bind?,
            metrics_bind: metrics_bind?,
            session_ttl: session_ttl?,
            phone_data_max_age: phone_data_max_age?,
            login_grace: login_grace?,
            response_shape: response_shape?,
            purge_interval: Some(purge_interval?).filter(|interval| !interval.is_zero()),
            workers: workers? as usize,
            drain: drain?,
            trusted_proxies: trusted_proxies?,
            refused_codes_per_minute: Some(refused_codes?).filter(|limit| *limit > 0),
            failed_phones_per_minute: Some(failed_phones?).filter(|limit| *limit > 0),
        })
    }
}

impl DatabaseConfig {
    pub fn load() -> Result<Self> {
        first_problem(Self::read)
    }

    fn read(problems: &mut Problems) -> Option<Self> {
        let url = problems.note(database_url::read());
        let pool_size = problems.note(number("DATABASE_POOL_SIZE", 16, 1..=1_000));
        let (url, ssl_mode) = url?;
        Some(Self { url, ssl_mode, pool_size: pool_size? as u32 })
    }
}

/// Where pages are served.
pub fn bind() -> Result<Bind> {
    let text = variable("BIND")?.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    match text.strip_prefix("unix:/") {
        Some(path) => Ok(Bind::Unix(["/", path].iter().collect())),
        None => address("BIND", &text).map(Bind::Tcp),
    }
}

/// How long a stored key counts as alive.
pub fn session_ttl() -> Result<Duration> {
    seconds("SESSION_TTL_SECONDS", 259_200, 1..=10 * A_YEAR_SECONDS)
}

/// `SESSION_KEY_SECRETS`, as it is now: its file may have changed since the last time.
pub fn key_secrets() -> Result<KeySecrets> {
    const NAME: &str = "SESSION_KEY_SECRETS";
    let Some(list) = optional_secret(NAME)? else {
        return Ok(KeySecrets::default());
    };
    KeySecrets::parse(list.expose()).map_err(|wrong| {
        ConfigError::new(format!("{NAME} must be {}; {wrong}", KeySecrets::MUST_BE))
    })
}

/// Takes from `.env` the variables that the environment does not set. Returns what is set and yet does
/// nothing, one sentence each, without any value.
pub fn load_dotenv() -> Result<Vec<String>> {
    let unreadable = |error| ConfigError::new(format!(".env cannot be read: {error}"));
    let mut doubts = match dotenvy::dotenv() {
        Ok(path) => doubts::lost_dollars(&fs::read_to_string(path).map_err(unreadable)?),
        Err(dotenvy::Error::Io(error)) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(dotenvy::Error::Io(error)) => return Err(unreadable(error)),
        // dotenvy's own words quote the line, and the line may hold a secret.
        Err(_) => {
            return Err(ConfigError::new(
                ".env has a line that is not NAME=value; a value with a $, a \\ or a space stands between \
                 single quotes",
            ));
        }
    };
    doubts.extend(doubts::misspelt());
    Ok(doubts)
}

/// `RUST_LOG`, env_logger's filter.
pub fn log_filter() -> String {
    variable("RUST_LOG").ok().flatten().unwrap_or_else(|| "info".to_owned())
}

/// How the log's lines look.
pub fn log_format() -> Result<LogFormat> {
    match variable("LOG_FORMAT")?.as_deref() {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(must("LOG_FORMAT", "text or json").showing(other)),
    }
}

fn response_shape() -> Result<ResponseShape> {
    match variable("RESPONSE_SHAPE")?.as_deref() {
        None | Some("flat") => Ok(ResponseShape::Flat),
        Some("envelope") => Ok(ResponseShape::Envelope),
        Some(other) => Err(must("RESPONSE_SHAPE", "flat or envelope").showing(other)),
    }
}

fn available_cores() -> u64 {
    std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64)
}
