//! `wxauth sessions`: one file a command. None shows a key, only its fingerprint.

mod keys;
mod list;
mod purge;
mod reencrypt;
mod revoke;
mod show;
mod stats;

use clap::{Args, Subcommand};

use crate::commands::outcome::{Outcome, Result};

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
    /// Brings every stored key under the first entry of SESSION_KEY_SECRETS
    Reencrypt(reencrypt::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        Command::List(arguments) => list::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Stats(arguments) => stats::run(arguments),
        Command::Revoke(arguments) => revoke::run(arguments),
        Command::Purge(arguments) => purge::run(arguments),
        Command::Reencrypt(arguments) => reencrypt::run(arguments),
    }
}
