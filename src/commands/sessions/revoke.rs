//! `wxauth sessions revoke OPENID`.

use clap::Args;

use super::keys::Removed;
use crate::commands::arguments::{connect, openid};
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_json};
use crate::values::OpenId;

/// Removes all keys of one user, who then has to log in again
///
/// What a phone encrypted before opens no more. The user and their number stay. Exit code 3 says
/// that there was no key.
#[derive(Args)]
pub struct Arguments {
    #[arg(value_parser = openid)]
    openid: OpenId,
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let removed = connect()?.revoke(&arguments.openid)?;
    match arguments.json {
        true => print_json(&Removed { removed })?,
        false => print(&format!("removed {removed} keys"))?,
    }
    Ok(if removed == 0 { Outcome::NothingFound } else { Outcome::Done })
}
