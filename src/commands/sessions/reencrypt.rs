//! `wxauth sessions reencrypt`.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;

use crate::commands::arguments::connect;
use crate::commands::interrupt::Interrupt;
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_json};
use crate::commands::progress::Progress;
use crate::config;
use crate::sealing::Sealer;
use crate::store::KeyWalk;

/// Where there is no terminal, a line of progress every so many keys.
const KEYS_A_LINE: u64 = 10_000;

/// Brings every stored key under the first entry of SESSION_KEY_SECRETS
///
/// It goes in small batches, beside running servers, and can be stopped at any moment: run again, it
/// goes on. Exit code 1 says that keys are left that no listed secret opens.
#[derive(Args)]
pub struct Arguments {
    /// Counts, and changes nothing: exit code 1 says that not all keys are under the first entry
    #[arg(long)]
    check: bool,
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

/// Its field names are what scripts rely on.
#[derive(Serialize)]
struct Summary<'a> {
    /// The entry that writes.
    first: &'a str,
    check: bool,
    complete: bool,
    keys: u64,
    already_there: u64,
    reencrypted: u64,
    /// That no listed secret opens.
    unreadable: u64,
    /// How many keys were found under each entry.
    entries: &'a BTreeMap<String, u64>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let sealer = Sealer::new(&config::key_secrets()?);
    let interrupt = Interrupt::listen()?;
    let mut direct = connect()?;
    let all = direct.all_keys()?;
    let mut progress = Progress::new(Some(all), KEYS_A_LINE);
    let mut walk = KeyWalk::default();
    while !walk.is_over && !interrupt.has_come() {
        let walked = match arguments.check {
            true => direct.walk_keys(&mut walk, &sealer),
            false => direct.reencrypt_keys(&mut walk, &sealer),
        };
        walked.map_err(|error| {
            let rewritten = walk.rewritten;
            format!("{error}; {rewritten} keys are done: run the same command again to go on")
        })?;
        progress.report(walk.keys, walk.keys, || format!("{} of {all} keys", walk.keys));
    }
    drop(progress);
    let summary = Summary::new(&walk, sealer.writing(), arguments.check);
    match arguments.json {
        true => print_json(&summary)?,
        false => print(&summary.sentences())?,
    }
    if !walk.is_over {
        return Err("stopped before the end; run the same command again to go on".into());
    }
    let is_left = summary.unreadable > 0 || arguments.check && summary.to_do() > 0;
    Ok(if is_left { Outcome::Failed } else { Outcome::Done })
}

impl<'a> Summary<'a> {
    fn new(walk: &'a KeyWalk, first: &'a str, check: bool) -> Self {
        Self {
            first,
            check,
            complete: walk.is_over,
            keys: walk.keys,
            already_there: walk.current,
            reencrypted: walk.rewritten,
            unreadable: walk.unreadable,
            entries: &walk.by_entry,
        }
    }

    /// Keys that were good and under another entry.
    fn to_do(&self) -> u64 {
        self.keys - self.already_there - self.unreadable
    }

    fn sentences(&self) -> String {
        let Self { first, keys, already_there, unreadable, reencrypted, .. } = self;
        let done = match self.check {
            true => format!("{} are to be brought", self.to_do()),
            false => format!("{reencrypted} brought"),
        };
        let mut text = format!("{keys} keys: {done} under {first}, {already_there} there already");
        let meanwhile = self.to_do() - reencrypted;
        if !self.check && meanwhile > 0 {
            text += &format!(", {meanwhile} written or removed by others meanwhile");
        }
        if *unreadable > 0 {
            text += &format!(
                "\n{unreadable} keys are left that no secret in SESSION_KEY_SECRETS opens"
            );
        }
        let listed: Vec<_> =
            self.entries.iter().map(|(name, keys)| format!("{name} {keys}")).collect();
        if !listed.is_empty() {
            text += &format!("\nfound under: {}", listed.join(", "));
        }
        text
    }
}
