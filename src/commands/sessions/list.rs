//! `wxauth sessions list`.

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use clap::Args;

use super::keys::print_keys;
use crate::commands::arguments::{connect, openid};
use crate::commands::outcome::{Outcome, Result};
use crate::store::{KeyFilter, KeyState};
use crate::values::OpenId;

/// Lists stored keys, newest first
///
/// Exit code 3 says that there is none.
#[derive(Args)]
pub struct Arguments {
    /// Only this user's
    #[arg(long, value_parser = openid)]
    openid: Option<OpenId>,
    /// Only keys that can still open data
    #[arg(long, conflicts_with = "expired")]
    active: bool,
    /// Only keys that wait to be purged
    #[arg(long)]
    expired: bool,
    /// Only keys whose latest login was before this time: 2026-11-24, or 2026-11-24T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    issued_before: Option<NaiveDateTime>,
    /// Only keys whose latest login was at this time or after it
    #[arg(long, value_name = "TIME", value_parser = time)]
    issued_after: Option<NaiveDateTime>,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Prints an array for scripts
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let filter = KeyFilter {
        openid: arguments.openid.clone(),
        state: match (arguments.active, arguments.expired) {
            (true, _) => Some(KeyState::Active),
            (_, true) => Some(KeyState::Expired),
            _ => None,
        },
        issued_before: arguments.issued_before,
        issued_after: arguments.issued_after,
        limit: arguments.limit,
    };
    let keys = connect()?.keys(&filter)?;
    print_keys(&keys, arguments.json)
}

/// A time with its offset, or a day in UTC.
fn time(text: &str) -> std::result::Result<NaiveDateTime, &'static str> {
    let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0);
    let moment = DateTime::parse_from_rfc3339(text).map(|time| time.naive_utc());
    moment.ok().or_else(day).ok_or("a time is like 2026-11-24 or 2026-11-24T08:00:00Z")
}
