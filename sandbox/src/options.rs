//! What a sandbox is started with.

use std::path::PathBuf;
use std::time::Duration;

/// What a sandbox is started with; the defaults suit a test.
#[derive(Clone)]
pub struct Options {
    /// The only appid that it accepts.
    pub appid: String,
    /// The only secret that it accepts.
    pub secret: String,
    /// Where it listens; port 0 takes a free one.
    pub bind: String,
    /// Exchanges that a user may make in a minute; `None` lifts the limit.
    pub rate_limit_a_minute: Option<u32>,
    /// How many threads answer.
    pub workers: usize,
    /// How long a login code can be exchanged.
    pub code_lifetime: Duration,
    /// What the playground shows beside the old design.
    pub playground: PlaygroundOptions,
}

/// The server that the playground shows beside the old design; without any of it, it shows the old
/// design alone.
#[derive(Clone, Debug, Default)]
pub struct PlaygroundOptions {
    /// wxauth's address, such as `http://127.0.0.1:8080`; by default the one that its log names.
    pub wxauth: Option<String>,
    /// The file that holds wxauth's log.
    pub wxauth_log: Option<PathBuf>,
    /// An option file for the `mariadb` client, which logs in to wxauth's database with it.
    pub database_client_file: Option<PathBuf>,
    /// The name of wxauth's database.
    pub database: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            appid: "wx5a6b7c8d9e0f1a2b".to_owned(),
            secret: "5an8b0x5ecre7000000000000000000f".to_owned(),
            bind: "127.0.0.1:0".to_owned(),
            rate_limit_a_minute: Some(100),
            workers: 1,
            code_lifetime: Duration::from_secs(5 * 60),
            playground: PlaygroundOptions::default(),
        }
    }
}
