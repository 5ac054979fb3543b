//! `wxauth sessions`: one file a command. None shows a key, only its fingerprint.

mod list;
mod purge;
mod revoke;
mod show;
mod stats;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::print::{print, print_json, table};
use super::{Outcome, Result};
use crate::store::StoredKey;
use crate::utc::iso;

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists stored keys, newest first
    List(list::Arguments),
    /// Shows all keys of one user
    Show(show::Arguments),
    /// Shows users, keys and decryptions as a picture
    Stats(stats::Arguments),
    /// Removes all keys of one user, who then has to log in again
    Revoke(revoke::Arguments),
    /// Removes every expired key, as the server does now and then
    Purge(purge::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        Command::List(arguments) => list::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Stats(arguments) => stats::run(arguments),
        Command::Revoke(arguments) => revoke::run(arguments),
        Command::Purge(arguments) => purge::run(arguments),
    }
}

/// The one way to print keys: a table, or an array.
fn print_keys(keys: &[StoredKey], as_json: bool) -> Result<Outcome> {
    if as_json {
        print_json(&keys)?;
    } else if !keys.is_empty() {
        let header = ["openid", "key", "first seen (UTC)", "issued", "expires", "active"];
        let rows = keys.iter().map(|key| {
            [
                key.openid.clone(),
                key.key_fingerprint.clone(),
                iso(key.first_seen_at),
                iso(key.issued_at),
                iso(key.expires_at),
                (if key.active { "yes" } else { "no" }).to_owned(),
            ]
        });
        print(&table(header, rows))?;
    }
    Ok(if keys.is_empty() { Outcome::NothingFound } else { Outcome::Done })
}

/// What a command that removes keys prints.
#[derive(Serialize)]
struct Removed {
    removed: u64,
}
