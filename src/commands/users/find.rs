//! `wxauth users find --phone NUMBER`.

use clap::Args;

use super::number::{Number, number};
use super::person::Person;
use crate::commands::arguments::connect;
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{nothing_found, print, print_json, table};

/// Finds the users that have authorised a phone number
///
/// Exit code 3 says that nobody has.
#[derive(Args)]
pub struct Arguments {
    /// With its area code or without: 13580006666, or +8613580006666; - is standard input, which no
    /// list of processes shows
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    phone: Number,
    /// Prints phone numbers whole
    #[arg(long)]
    reveal: bool,
    /// Prints an array for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let found = connect()?.users_by_phone(&arguments.phone.digits()?)?;
    let people: Vec<_> =
        found.into_iter().map(|user| Person::new(user, arguments.reveal)).collect();
    if arguments.json {
        print_json(&people)?;
    } else if !people.is_empty() {
        let rows = people.iter().map(|person| {
            let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
            [
                person.openid.clone(),
                person.id.to_string(),
                or_dash(&person.phone_number),
                or_dash(&person.phone_updated_at),
                person.created_at.clone(),
            ]
        });
        print(&table(["openid", "id", "phone", "authorised (UTC)", "first login"], rows))?;
    }
    if people.is_empty() { nothing_found() } else { Ok(Outcome::Done) }
}
