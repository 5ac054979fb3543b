//! `wxauth migrate`: applies the migrations that the binary carries.

mod status;

use clap::{Args, Subcommand};

use super::outcome::{Outcome, Result};
use super::print::print;
use crate::config::DatabaseConfig;
use crate::store;

#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Says which migrations are applied, and can wait until all are
    Status(status::Arguments),
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    match &arguments.command {
        None => migrate(),
        Some(Command::Status(arguments)) => status::run(arguments),
    }
}

fn migrate() -> Result<Outcome> {
    let config = DatabaseConfig::load()?;
    let applied = store::migrate(&config)?;
    if applied.is_empty() {
        print("the schema is up to date")?;
    }
    for name in applied {
        print(&format!("applied {name}"))?;
    }
    Ok(Outcome::Done)
}
