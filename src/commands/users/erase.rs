//! `wxauth users erase OPENID`, or `--phone -`.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use clap::Args;

use super::number::{Number, from_standard_input};
use crate::commands::arguments::{connect, openid};
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{nothing_found, print, print_json};
use crate::store::{Direct, Erased};
use crate::values::OpenId;

/// Removes a user from every table, for good
///
/// Phone, keys and history go in one transaction. Exit code 3 says that there was nothing.
#[derive(Args)]
pub struct Arguments {
    #[arg(value_parser = openid, required_unless_present = "phone")]
    openid: Option<OpenId>,
    /// Erases every user who has authorised a number instead, which is read from standard input
    #[arg(long, value_name = "-", value_parser = from_standard_input, conflicts_with = "openid")]
    phone: Option<Number>,
    /// Does not ask
    #[arg(long)]
    yes: bool,
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut direct = connect()?;
    let openids = openids(arguments, &mut direct)?;
    if openids.is_empty() {
        return nothing_found();
    }
    if !arguments.yes && !is_wanted(&openids)? {
        return Err("nothing was erased".into());
    }
    let mut erased = Erased::default();
    for openid in &openids {
        erased += direct.erase(openid)?;
    }
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

fn openids(arguments: &Arguments, direct: &mut Direct) -> Result<Vec<OpenId>> {
    let Some(phone) = &arguments.phone else {
        return Ok(arguments.openid.iter().cloned().collect());
    };
    let found = direct.users_by_phone(&phone.digits()?)?;
    Ok(found.iter().filter_map(|user| OpenId::parse(&user.openid)).collect())
}

fn is_wanted(openids: &[OpenId]) -> Result<bool> {
    if !stdin().is_terminal() {
        return Err("there is nobody to ask here: say --yes to erase without asking".into());
    }
    let openids: Vec<_> = openids.iter().map(OpenId::as_str).collect();
    write!(stderr(), "Erase {} for good? Type yes: ", openids.join(" and "))?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
