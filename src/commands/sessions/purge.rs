//! `wxauth sessions purge`.

use clap::Args;

use super::keys::Removed;
use crate::commands::arguments::connect;
use crate::commands::interrupt::Interrupt;
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_json};
use crate::commands::progress::Progress;

/// Where there is no terminal, a line of progress every so many keys.
const KEYS_A_LINE: u64 = 10_000;

/// Removes every expired key, as the server does now and then
///
/// It goes in small batches, each whole, and can be stopped at any moment.
#[derive(Args)]
pub struct Arguments {
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let interrupt = Interrupt::listen()?;
    let mut direct = connect()?;
    let expired = direct.expired_keys()?;
    let mut progress = Progress::new(Some(expired), KEYS_A_LINE);
    let mut removed = 0;
    let is_whole = loop {
        if interrupt.has_come() {
            break false;
        }
        let batch = direct.purge_batch().map_err(|error| {
            format!("{error}; {removed} keys are removed: run the same command again to go on")
        })?;
        removed += batch.removed as u64;
        progress.report(removed, removed, || format!("removed {removed} of {expired} keys"));
        if !batch.may_be_more {
            break true;
        }
    };
    drop(progress);
    match arguments.json {
        true => print_json(&Removed { removed })?,
        false => print(&format!("removed {removed} expired keys"))?,
    }
    match is_whole {
        true => Ok(Outcome::Done),
        false => Err("stopped before the end; run the same command again to go on".into()),
    }
}
