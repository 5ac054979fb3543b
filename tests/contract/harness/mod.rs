//! What every test starts: a database of its own, a sandbox WeChat, servers as real processes.

mod account;
mod command;
mod database;
mod docs;
mod front;
mod http;
mod metrics;
mod nginx;
mod option_file;
mod page;
mod raw;
mod relay;
mod resolver;
mod server;

use std::os::fd::AsFd;

pub use self::account::Account;
pub use self::command::{Finished, TemporaryFile};
pub use self::database::{Database, Open, fingerprint, numbers};
pub use self::docs::{code_block, docs_page, docs_sql};
pub use self::front::{Authority, Front, Hole, Way, own_loopback};
pub use self::http::{Answer, Client};
pub use self::metrics::{METRICS, Reader};
pub use self::nginx::Nginx;
pub use self::option_file::OptionFile;
pub use self::raw::{connect, read_some, read_to_end, send};
pub use self::relay::Relay;
pub use self::resolver::{NAME, Resolver};
pub use self::server::{Server, peak_memory_mib};
use wxauth_sandbox::{Options, Sandbox};

/// With which every test runs, unless it sets its own: `scripts/test` tells.
fn session_key_secrets() -> Option<(&'static str, String)> {
    let secrets = std::env::var("WXAUTH_TEST_SESSION_KEY_SECRETS").ok()?;
    Some(("SESSION_KEY_SECRETS", secrets))
}

/// Where wxauth finds its client library, if not where the system has it: `scripts/test` tells.
fn client_library() -> Option<(&'static str, String)> {
    std::env::var("LD_LIBRARY_PATH").ok().map(|path| ("LD_LIBRARY_PATH", path))
}

/// One test's world. Everything in it is real and its own, so that tests run in parallel.
pub struct World {
    pub database: Database,
    pub wechat: Sandbox,
}

impl World {
    pub fn new() -> Self {
        Self::with_rate_limit(Options::default().rate_limit_a_minute)
    }

    pub fn with_rate_limit(rate_limit_a_minute: Option<u32>) -> Self {
        Self::with(Database::create(), rate_limit_a_minute)
    }

    /// On another database, and without a rate limit.
    pub fn on(database: Database) -> Self {
        Self::with(database, None)
    }

    fn with(database: Database, rate_limit_a_minute: Option<u32>) -> Self {
        let options = Options { rate_limit_a_minute, ..Options::default() };
        let wechat = Sandbox::start(options).expect("the sandbox starts");
        Self { database, wechat }
    }

    /// A server on the world's database and sandbox, with the default configuration.
    pub fn server(&self) -> Server {
        self.server_with(&[])
    }

    /// The same with some variables set, which win over the world's.
    pub fn server_with(&self, variables: &[(&str, &str)]) -> Server {
        Server::start(&self.variables(), variables)
    }

    /// A server on a socket that it is handed, as systemd does.
    pub fn server_on(&self, listener: &impl AsFd) -> Server {
        Server::start_on(listener, &self.variables())
    }

    /// Runs a command of wxauth to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        Finished::of(arguments, &self.variables(), b"")
    }

    /// What a server of this world needs.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![
            ("DATABASE_URL", self.database.url().to_owned()),
            ("WX_APPID", self.wechat.appid().to_owned()),
            ("WX_SECRET", self.wechat.secret().to_owned()),
            ("WX_API_BASE", self.wechat.base_url()),
            ("BIND", "127.0.0.1:0".to_owned()),
            ("WORKERS", "2".to_owned()),
        ];
        variables.extend(session_key_secrets());
        variables.extend(client_library());
        variables
    }
}
