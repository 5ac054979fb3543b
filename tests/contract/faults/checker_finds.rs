//! The checker itself: it finds each thing that should not be.

use std::time::Duration;

use super::checker::{LONGEST, findings};
use super::load::{Acknowledged, Log};
use crate::harness::{World, fingerprint};

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
