//! `wxauth users erase OPENID`.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use clap::Args;

use crate::commands::arguments::{connect, openid};
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_json};
use crate::values::OpenId;

/// Removes a user from every table, for good
///
/// Phone, keys and history go in one transaction. Exit code 3 says that there was nothing.
#[derive(Args)]
pub struct Arguments {
    #[arg(value_parser = openid)]
    openid: OpenId,
    /// Does not ask
    #[arg(long)]
    yes: bool,
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut direct = connect()?;
    if !arguments.yes && !is_wanted(&arguments.openid)? {
        return Err("nothing was erased".into());
    }
    let erased = direct.erase(&arguments.openid)?;
    if arguments.json {
        print_json(&erased)?;
    } else {
        print(&format!(
            "erased: users {}, sessions {}, further_codes {}, phone_history {}",
            erased.users, erased.sessions, erased.further_codes, erased.phone_history
        ))?;
    }
    Ok(if erased.is_nothing() { Outcome::NothingFound } else { Outcome::Done })
}

fn is_wanted(openid: &OpenId) -> Result<bool> {
    if !stdin().is_terminal() {
        return Err("there is nobody to ask here: say --yes to erase without asking".into());
    }
    write!(stderr(), "Erase {} for good? Type yes: ", openid.as_str())?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
