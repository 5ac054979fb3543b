//! `wxauth sessions show OPENID`.

use clap::Args;
use serde::Serialize;

use super::keys::print_keys;
use crate::commands::arguments::{connect, openid};
use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::print_json;
use crate::store::{KeyFilter, StoredKey};
use crate::values::OpenId;

/// So many keys of one user come only from a script that logs in again and again.
const MAX_SHOWN: u32 = 10_000;

#[derive(Args)]
pub struct Arguments {
    #[arg(value_parser = openid)]
    openid: OpenId,
    /// Prints one object for scripts, the keys in it newest first
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown<'a> {
    openid: &'a str,
    active_keys: usize,
    expired_keys: usize,
    sessions: &'a [StoredKey],
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let filter = KeyFilter {
        openid: Some(arguments.openid.clone()),
        limit: MAX_SHOWN,
        ..KeyFilter::default()
    };
    let keys = connect()?.keys(&filter)?;
    if !arguments.json || keys.is_empty() {
        return print_keys(&keys, false);
    }
    let active_keys = keys.iter().filter(|key| key.active).count();
    print_json(&Shown {
        openid: arguments.openid.as_str(),
        active_keys,
        expired_keys: keys.len() - active_keys,
        sessions: &keys,
    })?;
    Ok(Outcome::Done)
}
