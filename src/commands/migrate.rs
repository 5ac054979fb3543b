//! `wxauth migrate`: applies the migrations that the binary carries.

use super::outcome::{Outcome, Result};
use crate::config::DatabaseConfig;
use crate::store;

pub fn run() -> Result<Outcome> {
    let config = DatabaseConfig::load()?;
    let applied = store::migrate(&config.url)?;
    if applied.is_empty() {
        println!("the schema is up to date");
    }
    for name in applied {
        println!("applied {name}");
    }
    Ok(Outcome::Done)
}
