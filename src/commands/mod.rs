//! The command line: one file a subcommand.

mod arguments;
mod doctor;
mod healthcheck;
mod interrupt;
mod migrate;
mod outcome;
mod print;
mod progress;
mod secret;
mod serve;
mod sessions;
mod users;

use clap::{Parser, Subcommand};

pub use self::outcome::{Outcome, Result};
use crate::{config, logging};

/// Logs in WeChat mini-program users and opens their encrypted phone numbers.
///
/// Configured by environment variables and .env; docs/configuration.md lists them.
#[derive(Parser)]
#[command(name = "wxauth", version)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the server until SIGTERM
    Serve(serve::Arguments),
    /// Applies the migrations that this binary carries
    Migrate(migrate::Arguments),
    /// Asks the server of this configuration how it is
    Healthcheck(healthcheck::Arguments),
    /// Looks for what keeps logins from working, and says what to do
    Doctor(doctor::Arguments),
    /// Makes a secret to seal session keys with
    Secret(secret::Arguments),
    /// Works on stored keys
    Sessions(sessions::Arguments),
    /// Works on users
    Users(users::Arguments),
}

/// Runs the command; an error is one line for the person who typed it.
pub fn run(arguments: Arguments) -> Result<Outcome> {
    let doubts = config::load_dotenv()?;
    logging::init(&config::log_filter(), config::log_format()?);
    // doctor has them in its report.
    if !matches!(arguments.command, Command::Doctor(_)) {
        doubts.iter().for_each(|doubt| log::warn!("{doubt}"));
    }
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Migrate(arguments) => migrate::run(&arguments),
        Command::Healthcheck(arguments) => healthcheck::run(&arguments),
        Command::Doctor(arguments) => doctor::run(&arguments, &doubts),
        Command::Secret(arguments) => secret::run(&arguments),
        Command::Sessions(arguments) => sessions::run(&arguments),
        Command::Users(arguments) => users::run(&arguments),
    }
}
