//! `wxauth migrate status`.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_json, table};
use crate::config::DatabaseConfig;
use crate::store::{Direct, MigrationState, MigrationStatus, StoreError};

/// How long one look may take, since a database that has frozen says nothing at all.
const LOOK: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_secs(1);
const A_DAY_SECONDS: u64 = 24 * 60 * 60;

/// Says which migrations are applied
///
/// Exit code 0 says that this binary misses none, 3 that some are missing, 1 that the database did
/// not answer. Migrations of a newer binary are no reason not to serve.
#[derive(Args)]
pub struct Arguments {
    /// Waits so long for the database and for whoever migrates it
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=A_DAY_SECONDS))]
    wait: Option<u64>,
    /// Prints an array for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let config = DatabaseConfig::load()?;
    let wait = Duration::from_secs(arguments.wait.unwrap_or(0));
    let all = look_until(&config, Instant::now() + wait)?;
    if arguments.json {
        print_json(&all)?;
    } else {
        let rows = all.iter().map(|status| [word(status.state).into(), status.migration.clone()]);
        print(&table(["state", "migration"], rows))?;
    }
    Ok(if is_missing_any(&all) { Outcome::NothingFound } else { Outcome::Done })
}

/// Looks once, and again until nothing is missing or the time is over.
fn look_until(config: &DatabaseConfig, deadline: Instant) -> Result<Vec<MigrationStatus>> {
    loop {
        let seen = look(config);
        let is_last = Instant::now() + PAUSE > deadline;
        match seen {
            Ok(all) if is_last || !is_missing_any(&all) => return Ok(all),
            Ok(_) => log::info!("waiting for missing migrations"),
            Err(error @ StoreError::Unavailable(_)) if !is_last => {
                log::warn!("waiting for the database: {error}");
            }
            Err(error) => return Err(error.into()),
        }
        thread::sleep(PAUSE);
    }
}

/// On a thread of its own, which ends with the process if the database never answers.
fn look(config: &DatabaseConfig) -> std::result::Result<Vec<MigrationStatus>, StoreError> {
    let (answering, answer) = mpsc::channel();
    let config = config.clone();
    thread::spawn(move || {
        let seen =
            Direct::connect_to_any_schema(&config).and_then(|mut it| it.migration_statuses());
        // Nobody may wait for it any more.
        let _ = answering.send(seen);
    });
    answer.recv_timeout(LOOK).unwrap_or_else(|_| {
        let seconds = LOOK.as_secs();
        Err(StoreError::Unavailable(format!("the database did not answer for {seconds} s")))
    })
}

fn is_missing_any(all: &[MigrationStatus]) -> bool {
    all.iter().any(|status| status.state == MigrationState::Missing)
}

fn word(state: MigrationState) -> &'static str {
    match state {
        MigrationState::Applied => "applied",
        MigrationState::Missing => "missing",
        MigrationState::Newer => "newer",
    }
}
