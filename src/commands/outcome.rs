//! How a command ends: the exit codes that scripts can trust.

use std::error::Error;
use std::process::ExitCode;

/// The end of a command that did not fail. A failure is exit code 1, and wrong use is 2, clap's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// What was asked for is not there.
    NothingFound,
    /// The command has told what is wrong already.
    Failed,
}

/// An error is one line for the person who typed the command.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Done => Self::SUCCESS,
            Outcome::NothingFound => Self::from(3),
            Outcome::Failed => Self::FAILURE,
        }
    }
}
