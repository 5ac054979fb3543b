//! The check of stored session keys: which secrets they are under, and whether they open.

use std::time::{Duration, Instant};

use super::finding::Finding;
use super::names::SESSION_KEYS;
use super::verdicts::unanswered;
use crate::sealing::Sealer;
use crate::store::{Direct, KeyWalk};

/// Some millions of keys; the other checks must fit into the time of all.
const PATIENCE: Duration = Duration::from_secs(8);

pub fn check(direct: &mut Direct, sealer: &Sealer) -> Finding {
    let begun = Instant::now();
    let mut walk = KeyWalk::default();
    while !walk.is_over && begun.elapsed() < PATIENCE {
        if let Err(error) = direct.walk_keys(&mut walk, sealer) {
            return unanswered(SESSION_KEYS, &error);
        }
    }
    verdict(&walk, sealer)
}

fn verdict(walk: &KeyWalk, sealer: &Sealer) -> Finding {
    let is_listed = |name: &str| sealer.names().any(|listed| listed == name);
    let unlisted = walk.by_entry.iter().filter(|(name, _)| !is_listed(name));
    let unlisted: Vec<_> = unlisted.map(|(name, keys)| format!("{keys} under {name}")).collect();
    let found = describe(walk, sealer);
    if !unlisted.is_empty() {
        let found = format!("{found}; not listed: {}", unlisted.join(", "));
        let advice = "list that entry again at the end of SESSION_KEY_SECRETS, at every server";
        return Finding::failed(SESSION_KEYS, found, advice);
    }
    if walk.unreadable > 0 {
        let found = format!("{found}; {} were changed since they were stored", walk.unreadable);
        let advice = "they open nothing until their users log in again: find out who writes there";
        return Finding::warning(SESSION_KEYS, found, advice);
    }
    if walk.current < walk.keys {
        let advice = "where every server writes under the first entry: wxauth sessions reencrypt";
        return Finding::warning(SESSION_KEYS, found, advice);
    }
    if !walk.is_over {
        let advice = "count all of them: wxauth sessions reencrypt --check";
        return Finding::warning(SESSION_KEYS, found, advice);
    }
    Finding::ok(SESSION_KEYS, found)
}

/// How many there are under each listed entry, none included: that one may be removed.
fn describe(walk: &KeyWalk, sealer: &Sealer) -> String {
    let count = |name: &str| {
        let keys = walk.by_entry.get(name).copied().unwrap_or_default();
        format!("{name} {keys}")
    };
    let counts: Vec<_> = sealer.names().map(count).collect();
    let which = if walk.is_over { "" } else { "the first " };
    format!("{which}{} keys, by secret: {}", walk.keys, counts.join(", "))
}
