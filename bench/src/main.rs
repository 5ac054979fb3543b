//! Measures wxauth: parse the command line, run the mode, map what came of it to an exit code.

mod arguments;
mod attackers;
mod attacks;
mod bare;
mod beside;
mod cell;
mod child;
mod compare;
mod connection;
mod crowd;
mod database;
mod disk;
mod endpoints;
mod failures;
mod grace;
mod growth;
mod kinds;
mod load;
mod plot;
mod process;
mod progress;
mod relay;
mod report;
mod restarts;
mod rig;
mod samples;
mod slap;
mod soak;
mod statistics;
mod table;
mod traffic;
mod waiters;
mod wrk;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser as _;

use crate::arguments::{Arguments, Mode};
use crate::report::show;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nothing went wrong.
fn run(arguments: Arguments) -> Result<bool> {
    match arguments.mode.unwrap_or(Mode::Endpoints(arguments.endpoints)) {
        Mode::Endpoints(arguments) => {
            show("endpoints", &endpoints::run(&arguments)?, arguments.common.json)
        }
        Mode::Compare(arguments) => {
            show("compare", &compare::run(&arguments)?, arguments.common.json)
        }
        Mode::Beside(arguments) => show("beside", &beside::run(&arguments)?, arguments.common.json),
        Mode::Grace(arguments) => show("grace", &grace::run(&arguments)?, arguments.common.json),
        Mode::Failures(arguments) => {
            show("failures", &failures::run(&arguments)?, arguments.common.json)
        }
        Mode::Growth(arguments) => show("growth", &growth::run(&arguments)?, arguments.common.json),
        Mode::Attacks(arguments) => {
            show("attacks", &attacks::run(&arguments)?, arguments.common.json)
        }
        Mode::Restarts(arguments) => {
            show("restarts", &restarts::run(&arguments)?, arguments.common.json)
        }
        Mode::Soak(arguments) => show("soak", &soak::run(&arguments)?, arguments.common.json),
        Mode::Bare => bare::serve().map(|()| true),
    }
}
