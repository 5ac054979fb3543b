//! `wxauth sessions stats`: users, keys and decryptions as a picture.

mod figures;
mod picture;

use std::thread;

use clap::Args;

use self::figures::Stats;
use crate::commands::arguments::connect;
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{print, print_json};

/// Shows users, keys and decryptions as a picture
#[derive(Args)]
pub struct Arguments {
    /// Prints one object for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    // Side by side, as each is one pass over all keys.
    let per_user = thread::spawn(|| {
        let told = connect().map_err(|error| error.to_string());
        told.and_then(|mut direct| direct.keys_per_user().map_err(|error| error.to_string()))
    });
    let mut direct = connect()?;
    let hours = direct.hours_of_keys()?;
    let users = direct.days_of_users()?;
    let decryptions = direct.decryptions()?;
    let per_user = per_user.join().map_err(|_| "counting the keys of users stopped")??;
    let stats = Stats::new(&hours, &users, per_user, decryptions);
    match arguments.json {
        true => print_json(&stats)?,
        false => print(&picture::draw(&stats))?,
    }
    Ok(Outcome::Done)
}
