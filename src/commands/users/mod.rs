//! `wxauth users`: one file a command.

mod import;

use clap::{Args, Subcommand};

use super::{Outcome, Result};

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes users over from another server, from a CSV file
    Import(import::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        Command::Import(arguments) => import::run(arguments),
    }
}
