//! Compares what pages were answered with what the database holds. Knows nothing of the server.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::load::{Acknowledged, Log};
use crate::harness::Database;

/// The contract's 5 s, and as much again as a loaded machine may take to run anything at all.
pub const LONGEST: Duration = Duration::from_secs(8);

/// A sentence for everything that should not be; none is what a test wants.
pub fn findings(log: &Log, database: &Database) -> Vec<String> {
    let sessions = database.column("CONCAT(openid, ' ', key_fingerprint)", "FROM sessions");
    let sessions: HashSet<String> = sessions.into_iter().flatten().collect();
    let users =
        database.column("CONCAT(openid, ' ', id, ' ', COALESCE(phone_number, ''))", "FROM users");
    let users: HashMap<String, String> = users
        .into_iter()
        .flatten()
        .filter_map(|user| user.split_once(' ').map(|(key, rest)| (key.into(), rest.into())))
        .collect();
    let mut findings = log.odd.clone();
    if log.slowest > LONGEST {
        findings.push(format!("somebody waited {:?}", log.slowest));
    }
    for acknowledged in &log.acknowledged {
        match acknowledged {
            Acknowledged::Login { own, told, key_fingerprint } => {
                if own != told {
                    findings.push(format!("{own} was answered the openid {told}"));
                }
                if !users.contains_key(own) {
                    findings.push(format!("the user {own} is lost"));
                }
                if !sessions.contains(&format!("{own} {key_fingerprint}")) {
                    findings.push(format!("the key {key_fingerprint} of {own} is lost"));
                }
            }
            Acknowledged::Phone { own, told, user_id } => {
                if own != told {
                    findings.push(format!("the phone {own:?} was answered as {told:?}"));
                }
                let (openid, phone_number) = own;
                if users.get(openid) != Some(&format!("{user_id} {phone_number}")) {
                    findings.push(format!("the phone of {openid}, user {user_id}, is lost"));
                }
            }
        }
    }
    findings
}
