//! `wxauth users show OPENID`.

use clap::Args;
use serde::Serialize;

use super::person::{FormerPhone, Person};
use crate::commands::arguments::{connect, openid};
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{nothing_found, print, print_json, table};
use crate::store::KeyFilter;
use crate::values::OpenId;

/// So many keys are counted.
const MAX_KEYS: u32 = 10_000;

#[derive(Args)]
pub struct Arguments {
    #[arg(value_parser = openid)]
    openid: OpenId,
    /// Prints phone numbers whole
    #[arg(long)]
    reveal: bool,
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    person: Person,
    active_keys: usize,
    expired_keys: usize,
    /// Newest first.
    former_phones: Vec<FormerPhone>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let mut direct = connect()?;
    let Some(user) = direct.user(&arguments.openid)? else {
        return nothing_found();
    };
    let keys = KeyFilter {
        openid: Some(arguments.openid.clone()),
        limit: MAX_KEYS,
        ..KeyFilter::default()
    };
    let keys = direct.keys(&keys)?;
    let former = direct.former_phones(&arguments.openid)?;
    let active_keys = keys.iter().filter(|key| key.active).count();
    let shown = Shown {
        person: Person::new(user, arguments.reveal),
        active_keys,
        expired_keys: keys.len() - active_keys,
        former_phones: former
            .into_iter()
            .map(|phone| FormerPhone::new(phone, arguments.reveal))
            .collect(),
    };
    match arguments.json {
        true => print_json(&shown)?,
        false => print(&shown.table())?,
    }
    Ok(Outcome::Done)
}

impl Shown {
    fn table(&self) -> String {
        let person = &self.person;
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let mut rows = vec![
            ["openid".to_owned(), person.openid.clone()],
            ["id".to_owned(), person.id.to_string()],
            ["unionid".to_owned(), or_dash(&person.unionid)],
            ["phone".to_owned(), or_dash(&person.phone_number)],
            ["country code".to_owned(), or_dash(&person.country_code)],
            ["phone authorised".to_owned(), or_dash(&person.phone_updated_at)],
            ["first login".to_owned(), person.created_at.clone()],
            ["changed".to_owned(), person.updated_at.clone()],
            ["active keys".to_owned(), self.active_keys.to_string()],
            ["expired keys".to_owned(), self.expired_keys.to_string()],
        ];
        for former in &self.former_phones {
            let until = format!("{} until {}", former.phone_number, former.replaced_at);
            rows.push(["phone before".to_owned(), until]);
        }
        table(["user", "(times are UTC)"], rows.into_iter())
    }
}
