//! How stored keys are printed, and how many were removed.

use serde::Serialize;

use crate::commands::outcome::{Outcome, Result};
use crate::commands::print::{nothing_found, print, print_json, table};
use crate::store::StoredKey;
use crate::values::utc::iso;

/// The one way to print keys: a table, or an array.
pub fn print_keys(keys: &[StoredKey], as_json: bool) -> Result<Outcome> {
    if as_json {
        print_json(&keys)?;
    } else if !keys.is_empty() {
        let header = ["openid", "key", "first seen (UTC)", "issued", "expires", "active"];
        let rows = keys.iter().map(|key| {
            [
                key.openid.clone(),
                key.key_fingerprint.clone(),
                iso(key.first_seen_at),
                iso(key.issued_at),
                iso(key.expires_at),
                (if key.active { "yes" } else { "no" }).to_owned(),
            ]
        });
        print(&table(header, rows))?;
    }
    if keys.is_empty() { nothing_found() } else { Ok(Outcome::Done) }
}

/// What a command that removes keys prints.
#[derive(Serialize)]
pub struct Removed {
    pub removed: u64,
}
