//! Compares what pages were answered with what the database holds. Knows nothing of the server.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::load::{Acknowledged, Log};
use crate::harness::{Database, World, fingerprint};

/// The contract's 5 s, and as much again as a loaded machine may take to run anything at all.
const LONGEST: Duration = Duration::from_secs(8);

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

/// Two users who logged in, and what they were truly answered.
async fn two_logins(world: &World) -> Log {
    let server = world.server();
    let page = server.client();
    let mut log = Log::default();
    for name in ["alice", "bob"] {
        let told = page.log_in(world, name).await;
        let session_key = world.wechat.session_key(name).expect("the user has logged in");
        let key_fingerprint = fingerprint(&session_key);
        let own = world.wechat.openid(name);
        log.acknowledged.push(Acknowledged::Login { own, told, key_fingerprint });
    }
    assert_eq!(findings(&log, &world.database), Vec::<String>::new());
    log
}

#[actix_rt::test]
async fn the_checker_finds_an_answer_that_came_before_its_commit() {
    let world = World::new();
    let log = two_logins(&world).await;
    let bob = world.wechat.openid("bob");

    world.database.execute(&format!("DELETE FROM sessions WHERE openid = '{bob}'"));
    assert_eq!(findings(&log, &world.database).len(), 1);

    world.database.execute(&format!("DELETE FROM users WHERE openid = '{bob}'"));
    assert_eq!(findings(&log, &world.database).len(), 2);
}

#[actix_rt::test]
async fn the_checker_finds_a_batch_that_answers_all_with_the_first_rows_outcome() {
    let world = World::new();
    let mut log = two_logins(&world).await;
    let first = world.wechat.openid("alice");
    for acknowledged in &mut log.acknowledged {
        if let Acknowledged::Login { told, .. } = acknowledged {
            told.clone_from(&first);
        }
    }

    assert_eq!(findings(&log, &world.database).len(), 1);
}

#[actix_rt::test]
async fn the_checker_finds_another_users_phone() {
    let world = World::new();
    let mut log = two_logins(&world).await;
    world.database.execute("UPDATE users SET phone_number = CONCAT('1358000000', id)");
    let phone = |name: &str, user_id: u64| {
        let own = (world.wechat.openid(name), format!("1358000000{user_id}"));
        Acknowledged::Phone { told: own.clone(), own, user_id }
    };
    log.acknowledged.extend([phone("alice", 1), phone("bob", 2)]);
    assert_eq!(findings(&log, &world.database), Vec::<String>::new());

    log.acknowledged.push(phone("bob", 1));
    assert_eq!(findings(&log, &world.database).len(), 1);
}

#[actix_rt::test]
async fn the_checker_finds_a_wait_that_was_too_long_and_an_answer_that_is_none() {
    let world = World::new();
    let mut log = two_logins(&world).await;
    log.slowest = LONGEST + Duration::from_millis(1);
    log.odd.push("/code2Session: 500".to_owned());

    assert_eq!(findings(&log, &world.database).len(), 2);
}
