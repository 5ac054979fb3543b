//! wxauth's database, seen through its view `session_overview` with the `mariadb` client, as an
//! admin's script would.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use actix_rt::time::timeout;
use serde::Serialize;
use tokio::process::Command;

use crate::options::PlaygroundOptions;

/// A database that is well answers at once, and the page asks again.
const PATIENCE: Duration = Duration::from_secs(3);
/// More keys than a person would look at.
const MOST_KEYS: usize = 50;

pub(super) struct Database {
    client_file: Option<PathBuf>,
    name: String,
}

/// A row of `session_overview`, newest first; times are UTC.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct StoredKey {
    key_fingerprint: String,
    first_seen_at: String,
    issued_at: String,
    expires_at: String,
    active: bool,
    seconds_left: u64,
}

impl Database {
    pub(super) fn of(options: &PlaygroundOptions) -> Self {
        Self { client_file: options.database_client_file.clone(), name: options.database.clone() }
    }

    /// `None` where there is no database to look into, or it does not answer.
    pub(super) async fn keys(&self, openid: &str) -> Option<Vec<StoredKey>> {
        let statement = format!(
            "SELECT key_fingerprint, first_seen_at, issued_at, expires_at, active, seconds_left
             FROM session_overview WHERE openid = '{}'
             ORDER BY issued_at DESC, key_fingerprint LIMIT {MOST_KEYS}",
            harmless(openid)
        );
        Some(self.run(&statement).await?.lines().filter_map(stored_key).collect())
    }

    /// What time would do: no key of the user is alive any more.
    pub(super) async fn expire(&self, openid: &str) -> bool {
        let statement = "UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) WHERE openid";
        self.run(&format!("{statement} = '{}'", harmless(openid))).await.is_some()
    }

    async fn run(&self, statement: &str) -> Option<String> {
        let mut options = std::ffi::OsString::from("--defaults-file=");
        options.push(self.client_file.as_ref()?);
        let mut client = Command::new("mariadb");
        client.arg(options).args(["--connect-timeout=2", "--batch", "--skip-column-names"]);
        client.args(["--execute", statement, &self.name]);
        client.stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        let output = timeout(PATIENCE, client.output()).await.ok()?.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Without what is no character of an openid, and so without what could end the quotes.
fn harmless(openid: &str) -> String {
    let is_allowed = |c: &char| c.is_ascii_alphanumeric() || "_-".contains(*c);
    openid.chars().filter(is_allowed).collect()
}

fn stored_key(line: &str) -> Option<StoredKey> {
    let mut columns = line.split('\t').map(str::to_owned);
    Some(StoredKey {
        key_fingerprint: columns.next()?,
        first_seen_at: columns.next()?,
        issued_at: columns.next()?,
        expires_at: columns.next()?,
        active: columns.next()? == "1",
        seconds_left: columns.next()?.parse().ok()?,
    })
}
