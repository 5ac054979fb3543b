//! A database of this run's own, on the private MariaDB that `scripts/bench` starts.
//!
//! Statements go through the client program `mariadb`, as measuring needs its sibling
//! `mariadb-slap` anyway.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::process::Process;

const URL_VARIABLE: &str = "WXAUTH_BENCH_DATABASE_URL";
const PID_VARIABLE: &str = "WXAUTH_BENCH_DATABASE_PID";

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
        let Account { user, password, host, port } = &self.account;
        format!("mysql://{user}:{password}@{host}:{port}/{}", self.name)
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
        self.account.execute(&self.name, statements)
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

    fn execute(&self, database: &str, statements: &str) -> Result<()> {
        let mut command = self.program("mariadb");
        let mut child =
            command.arg(database).stdin(Stdio::piped()).spawn().context("cannot run mariadb")?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that stopped reading says why below.
            let _ = stdin.write_all(statements.as_bytes());
        }
        let output = child.wait_with_output().context("cannot run mariadb")?;
        if !output.status.success() {
            bail!("the database refused: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(())
    }
}

fn variable(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("{name} is not set: start this with scripts/bench"))
}
