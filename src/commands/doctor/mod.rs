//! `wxauth doctor`: looks for what keeps logins from working, and says what to do.

mod configuration;
mod database;
mod finding;
mod names;
mod server;
mod session_keys;
mod verdicts;
mod wechat;

use std::io::{self, Write as _};

use clap::Args;

use self::finding::Finding;
use crate::commands::outcome::{Outcome, Result};
use crate::config::{DatabaseConfig, WeChatConfig};

#[derive(Args)]
pub struct Arguments {
    /// Prints an array of {check, state, found, advice} for scripts
    #[arg(long)]
    json: bool,
}

/// Every check is made, whatever failed before, unless it depends on that.
pub fn run(arguments: &Arguments, doubts: &[String]) -> Result<Outcome> {
    let mut findings = vec![configuration::check(doubts)];
    findings.extend(match DatabaseConfig::load() {
        Ok(config) => database::check(&config),
        Err(_) => database::skipped("the configuration lacks the database"),
    });
    findings.extend(match WeChatConfig::load() {
        Ok(config) => wechat::check(&config),
        Err(_) => wechat::skipped("the configuration lacks WeChat's variables"),
    });
    findings.push(configuration::proxies());
    print(&findings, arguments.json)?;
    let failed = findings.iter().any(Finding::is_failure);
    Ok(if failed { Outcome::Failed } else { Outcome::Done })
}

fn print(findings: &[Finding], as_json: bool) -> Result<()> {
    let text = if as_json {
        serde_json::to_string_pretty(findings)? + "\n"
    } else {
        findings.iter().map(|finding| format!("{finding}\n")).collect()
    };
    match io::stdout().write_all(text.as_bytes()) {
        // Who closes the pipe has read enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}
