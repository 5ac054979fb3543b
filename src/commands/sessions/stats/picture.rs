//! The statistics drawn with bars.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::figures::Stats;

/// Characters of the longest bar.
const BAR: u64 = 40;
const DAY: i64 = 86_400;
const HOUR: i64 = 3_600;

pub fn draw(stats: &Stats) -> String {
    let mut picture = format!(
        "users         {:>12}   with a phone {}\nactive keys   {:>12}   expired, not purged yet {}\n",
        stats.users, stats.users_with_phone, stats.active_keys, stats.expired_keys
    );
    let keys = stats.keys_per_user.iter().map(|row| (row.active_keys.to_string(), row.users));
    chart(&mut picture, "active keys of a user, users", keys);
    let ages = stats.key_ages.iter().map(|row| {
        let label = row.hours_below.map_or("older".to_owned(), |hours| below(hours as i64 * HOUR));
        (label, row.active_keys)
    });
    chart(&mut picture, "time since the latest login of an active key, keys", ages);
    for (outcome, title) in [
        ("opened", "age of the key that opened data (since first seen), decryptions"),
        ("failed", "age of the newest key where none opened, decryptions"),
    ] {
        let mut by_age = BTreeMap::<i64, u64>::new();
        for row in stats.decryptions.iter().filter(|row| row.outcome == outcome) {
            *by_age.entry(row.age_below).or_default() += row.decryptions.unsigned_abs();
        }
        chart(&mut picture, title, by_age.into_iter().map(|(age, count)| (below(age), count)));
    }
    let days = || stats.days.iter();
    chart(&mut picture, "new users a day", days().map(|day| (day.day.clone(), day.new_users)));
    chart(&mut picture, "keys by the day of their latest login", {
        days().map(|day| (day.day.clone(), day.keys_issued))
    });
    picture.truncate(picture.trim_end().len());
    picture
}

/// A line a row; nothing if there is none.
fn chart(picture: &mut String, title: &str, rows: impl Iterator<Item = (String, u64)>) {
    let rows: Vec<_> = rows.collect();
    let Some(most) = rows.iter().map(|(_, count)| *count).max() else { return };
    // A string takes everything.
    let _ = writeln!(picture, "\n{title}");
    for (label, count) in rows {
        let length = if most == 0 { 0 } else { (count * BAR).div_ceil(most) };
        let bar = "█".repeat(length as usize);
        let _ = writeln!(picture, "{label:>12} {count:>12} {bar}");
    }
}

fn below(seconds: i64) -> String {
    match seconds {
        ..HOUR => format!("< {} min", seconds / 60),
        HOUR..DAY => format!("< {} h", seconds / HOUR),
        _ if seconds > 1_000 * DAY => "older".to_owned(),
        _ => format!("< {} d", seconds / DAY),
    }
}
