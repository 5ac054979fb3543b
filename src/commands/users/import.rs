//! `wxauth users import`: takes users over from another server, from a CSV file.
//!
//! Nothing is noted down between two runs: each goes over the whole file and stores what is
//! missing. Rows that are there cost two reads a batch, and whatever happened in between, be it a
//! kill, a changed file or a restored database, the outcome is right.

mod phone;
mod rejects;
mod row;
mod summary;
mod table;

use std::path::PathBuf;

use chrono::{FixedOffset, TimeDelta};
use clap::Args;
use csv::ByteRecord;

use self::rejects::Rejects;
use self::row::Rows;
use self::summary::Summary;
use self::table::Table;
use crate::commands::interrupt::Interrupt;
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_aside};
use crate::commands::progress::Progress;
use crate::config::{self, DatabaseConfig};
use crate::sealing::Sealer;
use crate::store::{Direct, ImportedRow};

/// Rows of one transaction: some ten milliseconds of row locks, and a few hundred kilobytes of SQL.
const BATCH: usize = 500;
/// Where there is no terminal, a line of progress every so many rows.
const ROWS_A_LINE: u64 = 10_000;

/// Takes users over from another server, from a CSV file
///
/// The first line names the columns, in any order: openid, and whichever there are of session_key,
/// phone, country_code and created_at. Users, phones and keys that are there already stay as they
/// are. Run again after an interruption, it stores what is missing.
#[derive(Args)]
pub struct Arguments {
    /// The file; - is standard input
    file: PathBuf,
    /// Where rows go that cannot be imported, with line and reason; - is standard output, and the
    /// summary goes to standard error then [default: FILE.rejected.csv, without the .csv of FILE]
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,
    /// For times that name no offset themselves
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+00:00",
        allow_hyphen_values = true,
        value_parser = row::utc_offset
    )]
    utc_offset: FixedOffset,
    /// Says what would be imported and rejected, and changes nothing in the database
    #[arg(long)]
    check: bool,
    /// Prints the summary as one JSON object
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let database = DatabaseConfig::load()?;
    let key_secrets = config::key_secrets()?;
    let ttl = TimeDelta::from_std(config::session_ttl()?)?;
    let table = Table::open(&arguments.file)?;
    let ignored = table.ignored();
    if !ignored.is_empty() {
        log::info!("columns that are not imported: {}", ignored.join(", "));
    }
    let interrupt = Interrupt::listen()?;
    let mut direct = Direct::connect(&database)?;
    let now = direct.now()?;
    let rejects = Rejects::new(arguments.rejects.clone(), &arguments.file, table.header())?;
    let print = if rejects.is_standard_output() { print_aside } else { print };
    let import = Import {
        rejects,
        progress: Progress::new(table.length(), ROWS_A_LINE),
        rows: Rows::new(table.columns(), arguments.utc_offset, now),
        summary: Summary::new(arguments.check),
        table,
        direct,
        sealer: Sealer::new(&key_secrets),
        ttl,
    };
    let summary = import.run(&interrupt)?;
    print(&if arguments.json { summary.json() } else { summary.to_string() })?;
    match summary.is_complete {
        true => Ok(Outcome::Done),
        false => Err("stopped before the end; run the same command again to go on".into()),
    }
}

struct Import {
    table: Table,
    rows: Rows,
    rejects: Rejects,
    direct: Direct,
    sealer: Sealer,
    ttl: TimeDelta,
    progress: Progress,
    summary: Summary,
}

impl Import {
    fn run(mut self, interrupt: &Interrupt) -> Result<Summary> {
        while !self.summary.is_complete && !interrupt.has_come() {
            let batch = self.next_batch()?;
            self.store(&batch)?;
            let summary = &self.summary;
            self.progress.report(self.table.position(), summary.read, || summary.line());
        }
        self.summary.rejects = self.rejects.finish()?;
        Ok(self.summary)
    }

    /// The good rows among the next ones of the file.
    fn next_batch(&mut self) -> Result<Vec<ImportedRow>> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut record = ByteRecord::new();
        for _ in 0..BATCH {
            if !self.table.read(&mut record)? {
                self.summary.is_complete = true;
                break;
            }
            self.summary.read += 1;
            match self.rows.read(&record) {
                Ok(row) => batch.push(row),
                Err(reason) => {
                    self.summary.rejected += 1;
                    self.rejects.add(reason, &record)?;
                }
            }
        }
        Ok(batch)
    }

    fn store(&mut self, batch: &[ImportedRow]) -> Result<()> {
        let stored = match self.summary.is_check {
            true => self.direct.plan_import(batch, self.ttl),
            false => self.direct.import(batch, self.ttl, &self.sealer),
        };
        let stored = stored.map_err(|error| {
            format!("{error}; what was imported stays: run the same command again to go on")
        })?;
        self.summary.add(stored);
        Ok(())
    }
}
