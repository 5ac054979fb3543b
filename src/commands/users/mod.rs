//! `wxauth users`: one file a command.

mod erase;
mod find;
mod import;
mod number;
mod person;
mod show;

use clap::{Args, Subcommand};

use crate::commands::outcome::{Outcome, Result};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows one user
    Show(show::Arguments),
    /// Finds the users that have authorised a phone number
    Find(find::Arguments),
    /// Removes a user from every table, for good
    Erase(erase::Arguments),
    /// Takes users over from another server, from a CSV file
    Import(import::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        Command::Show(arguments) => show::run(arguments),
        Command::Find(arguments) => find::run(arguments),
        Command::Erase(arguments) => erase::run(arguments),
        Command::Import(arguments) => import::run(arguments),
    }
}
