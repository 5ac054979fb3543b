//! A database of this run's own, on the private server that `scripts/bench` starts.
//!
//! Statements go through the client program `mariadb`, as measuring needs its sibling
//! `mariadb-slap` anyway.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::process::Process;

const URL_VARIABLE: &str = "WXAUTH_BENCH_DATABASE_URL";
const PID_VARIABLE: &str = "WXAUTH_BENCH_DATABASE_PID";

/// Pages of 16 KiB that were changed and are not on the disk.
const DIRTY_PAGES: &str = "Innodb_buffer_pool_pages_dirty";
const FEW_PAGES: f64 = 500.0;
/// Transactions whose old versions of rows are not removed yet.
const UNPURGED: &str = "SELECT `count` FROM information_schema.innodb_metrics \
                        WHERE name = 'trx_rseg_history_len'";
/// MySQL forgets what it has cleaned up in steps of 128.
const FEW_UNPURGED: f64 = 500.0;
/// By default it takes minutes, to leave the disk to others.
const WRITE_EAGERLY: &str = "SET GLOBAL innodb_io_capacity_max = 20000, \
                             innodb_io_capacity = 20000, innodb_max_dirty_pages_pct = 0";
const WRITE_AS_USUAL: &str = "SET GLOBAL innodb_io_capacity = 200, \
                              innodb_io_capacity_max = 2000, innodb_max_dirty_pages_pct = 90";
const SETTLE_PATIENCE: Duration = Duration::from_secs(300);
const SETTLE_PAUSE: Duration = Duration::from_millis(200);

/// Dropped with the handle.
pub struct Database {
    account: Account,
    name: String,
    process: Process,
}

/// A URL's parts, for programs that do not take URLs.
struct Account {
    user: String,
    password: String,
    host: String,
    port: String,
}

impl Database {
    pub fn create() -> Result<Self> {
        let account = Account::parse(&variable(URL_VARIABLE)?)
            .with_context(|| format!("{URL_VARIABLE} must be mysql://user:password@host:port"))?;
        let pid = variable(PID_VARIABLE)?;
        let pid = pid.parse().with_context(|| format!("{PID_VARIABLE} must be a process id"))?;
        let name = format!("wxauth_bench_{}", std::process::id());
        account.execute("mysql", &format!("CREATE DATABASE {name}"))?;
        Ok(Self { account, name, process: Process::new(pid) })
    }

    /// `mysql://user:password@host:port/name`
    pub fn url(&self) -> String {
        self.url_at(&self.address())
    }

    /// The same by another address, such as of something between.
    pub fn url_at(&self, address: &str) -> String {
        let Account { user, password, .. } = &self.account;
        format!("mysql://{user}:{password}@{address}/{}", self.name)
    }

    /// `host:port`
    pub fn address(&self) -> String {
        format!("{}:{}", self.account.host, self.account.port)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The server's process.
    pub fn process(&self) -> Process {
        self.process
    }

    /// Runs statements that return nothing.
    pub fn execute(&self, statements: &str) -> Result<()> {
        self.account.execute(&self.name, statements).map(drop)
    }

    /// Returns when the database has next to nothing left to do of what was written, neither rows
    /// to clean up nor pages to bring to the disk.
    pub fn settle(&self) -> Result<()> {
        let deadline = Instant::now() + SETTLE_PATIENCE;
        self.execute(WRITE_EAGERLY)?;
        while Instant::now() < deadline
            && (self.number(UNPURGED)? > FEW_UNPURGED || self.status(DIRTY_PAGES)? > FEW_PAGES)
        {
            sleep(SETTLE_PAUSE);
        }
        self.execute(WRITE_AS_USUAL)
    }

    /// How large its tables are, indexes included.
    pub fn tables_mib(&self) -> Result<f64> {
        self.number(&format!(
            "SELECT SUM(file_size) / 1048576 FROM information_schema.innodb_sys_tablespaces \
             WHERE name LIKE '{}/%'",
            self.name
        ))
    }

    /// How often it has waited for the disk, nearly always for its log.
    pub fn syncs(&self) -> Result<f64> {
        self.status("Innodb_data_fsyncs")
    }

    /// One of the server's counters.
    pub fn status(&self, name: &str) -> Result<f64> {
        let row = self.account.execute(&self.name, &format!("SHOW GLOBAL STATUS LIKE '{name}'"))?;
        let value = row.split_whitespace().nth(1).and_then(|value| value.parse().ok());
        value.with_context(|| format!("the database knows no {name}: {row:?}"))
    }

    /// The one value of the one row.
    pub fn number(&self, query: &str) -> Result<f64> {
        let text = self.account.execute(&self.name, query)?;
        text.trim().parse().with_context(|| format!("{query}: {text:?}"))
    }

    /// One of MariaDB's programs, told how to connect over TCP, as the server does.
    pub fn program(&self, program: &str) -> Command {
        self.account.program(program)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Whoever started the MariaDB removes it as a whole.
        let _ = self.account.execute("mysql", &format!("DROP DATABASE IF EXISTS {}", self.name));
    }
}

impl Account {
    fn parse(url: &str) -> Option<Self> {
        let (account, address) = url.strip_prefix("mysql://")?.rsplit_once('@')?;
        let (user, password) = account.split_once(':')?;
        let (host, port) = address.rsplit_once(':')?;
        let [user, password, host, port] = [user, password, host, port].map(str::to_owned);
        Some(Self { user, password, host, port })
    }

    fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            // It must come first.
            .arg("--no-defaults")
            .args(["--protocol=tcp", "--host", &self.host])
            .args(["--port", &self.port, "--user", &self.user])
            // Other than an argument, no other account can read it.
            .env("MYSQL_PWD", &self.password)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Returns the values that the statements select, a row a line.
    fn execute(&self, database: &str, statements: &str) -> Result<String> {
        let mut command = self.program("mariadb");
        command.args(["--skip-column-names", database]);
        let mut child = command.stdin(Stdio::piped()).spawn().context("cannot run mariadb")?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that stopped reading says why below.
            let _ = stdin.write_all(statements.as_bytes());
        }
        let output = child.wait_with_output().context("cannot run mariadb")?;
        if !output.status.success() {
            bail!("the database refused: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: start this with scripts/bench"))
}
