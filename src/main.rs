//! The `wxauth` command: parses the command line, runs the command, maps its end to an exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use wxauth::commands::{self, Arguments};

/// A tenth less CPU time than the C library's; docs/decisions/allocator.md has the figures.
#[cfg(target_arch = "x86_64")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // awc's TLS takes the process-wide provider, and panics where there is none.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        return fail("another TLS provider is installed already");
    }
    let ended = commands::run(arguments);
    log::logger().flush();
    match ended {
        Ok(outcome) => outcome.into(),
        Err(error) => fail(&error.to_string()),
    }
}

/// Whoever has closed the other end cannot be told.
fn fail(sentence: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "wxauth: {sentence}");
    ExitCode::FAILURE
}
