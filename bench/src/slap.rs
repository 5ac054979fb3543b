//! The database's own rate: the server's statements with literal values, sent by `mariadb-slap`
//! from as many clients as the server is measured with.

use std::fs;
use std::io::Read as _;
use std::path::PathBuf;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

use crate::rig::{Rig, directory};

pub const CLIENTS: u64 = 64;
/// Statements of the first, short run, which tells how many the measurement needs.
const PILOT_STATEMENTS: u64 = CLIENTS * 50;
/// Users that the SELECTs go through, and rows that the upserts choose from.
const SELECTED_USERS: usize = 2_000;
const UPSERTED_ROWS: u32 = 100_000;
/// A run may take this much longer than planned.
const PATIENCE: u32 = 10;
const LEAST_PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Statement {
    /// The key ring: src/store/rings.rs.
    Select,
    /// Of the keys alone, without the user: the least that a server for this job can ask.
    KeySelect,
    /// A login's key: src/store/logins.rs, on a table of its own.
    Upsert,
}

/// The statements' files and tables.
pub struct Slap<'a> {
    rig: &'a Rig,
    select: PathBuf,
    key_select: PathBuf,
    upsert: PathBuf,
}

impl<'a> Slap<'a> {
    pub fn prepare(rig: &'a Rig) -> Result<Self> {
        let of_users = |sql: fn(&str) -> String| -> String {
            let users = rig.users.iter().take(SELECTED_USERS);
            users.map(|user| sql(&user.openid)).collect::<Vec<_>>().join(";\n")
        };
        let select = write("select.sql", &of_users(select_sql))?;
        let key_select = write("key-select.sql", &of_users(key_select_sql))?;
        let upsert = write("upsert.sql", &upsert_sql())?;
        rig.database.execute(&upserted_table_sql())?;
        Ok(Self { rig, select, key_select, upsert })
    }

    /// Statements a second.
    pub fn rate(&self, statement: Statement, duration: Duration) -> Result<f64> {
        let pilot = self.run(statement, PILOT_STATEMENTS, LEAST_PATIENCE)?;
        let rate = PILOT_STATEMENTS as f64 / pilot;
        let a_client = (rate * duration.as_secs_f64() / CLIENTS as f64).ceil().max(1.0) as u64;
        let statements = a_client * CLIENTS;
        let patience = LEAST_PATIENCE.max(duration * PATIENCE);
        Ok(statements as f64 / self.run(statement, statements, patience)?)
    }

    /// How many seconds so many statements took.
    fn run(&self, statement: Statement, statements: u64, patience: Duration) -> Result<f64> {
        let file = match statement {
            Statement::Select => &self.select,
            Statement::KeySelect => &self.key_select,
            Statement::Upsert => &self.upsert,
        };
        let mut command = self.rig.database.program("mariadb-slap");
        command
            .arg(format!("--create-schema={}", self.rig.database.name()))
            .args(["--no-drop", "--csv", "--delimiter=;"])
            .arg(format!("--concurrency={CLIENTS}"))
            .arg(format!("--number-of-queries={statements}"))
            .arg(format!("--query={}", file.display()));
        let child = command.spawn().context("cannot run mariadb-slap")?;
        let output = output_in_time(child, patience)?;
        // Engine, load, average, least and most seconds, clients, statements a client.
        let seconds = output.split(',').nth(2).and_then(|text| text.parse().ok());
        seconds.with_context(|| format!("mariadb-slap said {output:?}"))
    }
}

fn write(name: &str, statements: &str) -> Result<PathBuf> {
    let file = directory()?.join(name);
    fs::write(&file, statements).context("cannot write the statements")?;
    Ok(file)
}

/// Its output is a line, so that it never waits for us to read it.
fn output_in_time(mut child: Child, patience: Duration) -> Result<String> {
    let deadline = Instant::now() + patience;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("mariadb-slap did not end within {} s", patience.as_secs());
        }
        sleep(PAUSE);
    };
    let (mut output, mut errors) = (String::new(), String::new());
    if let Some(mut stdout) = child.stdout.take() {
        stdout.read_to_string(&mut output)?;
    }
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut errors)?;
    }
    if !status.success() {
        bail!("mariadb-slap failed: {}", errors.trim());
    }
    Ok(output)
}

fn select_sql(openid: &str) -> String {
    format!(
        "SELECT users.id, users.phone_number, users.pure_phone_number, users.country_code, \
         users.phone_watermark, sessions.session_key, sessions.key_fingerprint, \
         sessions.first_seen_at, sessions.issued_at, UTC_TIMESTAMP(3) \
         FROM users LEFT OUTER JOIN sessions \
         ON sessions.openid = users.openid AND sessions.expires_at > UTC_TIMESTAMP(3) \
         WHERE users.openid = '{openid}' \
         ORDER BY sessions.issued_at DESC, sessions.key_fingerprint LIMIT 16"
    )
}

fn key_select_sql(openid: &str) -> String {
    format!(
        "SELECT session_key FROM sessions WHERE openid = '{openid}' \
         ORDER BY issued_at DESC LIMIT 1"
    )
}

/// All clients run the same text, so the row is chosen by chance: two clients rarely meet.
fn upsert_sql() -> String {
    let update = |column| {
        format!(
            "{column} = IF(code_brought_at > VALUES(code_brought_at) - INTERVAL 300 SECOND \
             AND code_hash <> VALUES(code_hash), {column}, VALUES({column}))"
        )
    };
    let updates = ["code_hash", "code_brought_at", "code_minute"].map(update).join(", ");
    format!(
        "INSERT INTO upserted_sessions (openid, key_fingerprint, session_key, code_hash, \
         code_brought_at, code_minute, first_seen_at, issued_at, expires_at) \
         VALUES (CONCAT('o', LEFT(SHA2(FLOOR(RAND() * {UPSERTED_ROWS}), 256), 40)), '0123456789abcdef', \
         'AAAAAAAAAAAAAAAAAAAAAA==', UNHEX(SHA2(RAND(), 256)), UTC_TIMESTAMP(3), \
         UNIX_TIMESTAMP() DIV 60, UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), \
         UTC_TIMESTAMP(3) + INTERVAL 259200 SECOND) \
         ON DUPLICATE KEY UPDATE {updates}, \
         issued_at = GREATEST(issued_at, VALUES(issued_at)), \
         expires_at = GREATEST(expires_at, VALUES(expires_at))"
    )
}

/// Filled with logins of an hour ago.
fn upserted_table_sql() -> String {
    format!(
        "CREATE TABLE upserted_sessions LIKE sessions;
         CREATE TABLE digits (digit INT NOT NULL);
         INSERT INTO digits VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
         INSERT INTO upserted_sessions
         SELECT CONCAT('o', LEFT(SHA2(seq, 256), 40)), '0123456789abcdef', 'AAAAAAAAAAAAAAAAAAAAAA==',
                UNHEX(SHA2(seq, 256)), UTC_TIMESTAMP(3) - INTERVAL 1 HOUR,
                UNIX_TIMESTAMP() DIV 60 - 60 - seq % 1440,
                UTC_TIMESTAMP(3) - INTERVAL 1 HOUR, UTC_TIMESTAMP(3) - INTERVAL 1 HOUR,
                UTC_TIMESTAMP(3) + INTERVAL 1 DAY
         FROM (SELECT a.digit + 10 * b.digit + 100 * c.digit + 1000 * d.digit + 10000 * e.digit AS seq
               FROM digits a, digits b, digits c, digits d, digits e) AS numbers
         WHERE seq < {UPSERTED_ROWS}"
    )
}
