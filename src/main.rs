//! The `wxauth` command: parses the command line, runs the command, maps its end to an exit code.

use std::process::ExitCode;

use clap::Parser as _;
use wxauth::commands::{self, Arguments};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // awc's TLS takes the process-wide provider, and panics where there is none.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("wxauth: another TLS provider is installed already");
        return ExitCode::FAILURE;
    }
    let ended = commands::run(arguments);
    log::logger().flush();
    match ended {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("wxauth: {error}");
            ExitCode::FAILURE
        }
    }
}
