//! The stored phone, and the numbers that it replaced.

use std::time::UNIX_EPOCH;

use wxauth_sandbox::PhoneOptions;

use crate::harness::World;

fn phone(number: &str, timestamp: i64) -> PhoneOptions {
    PhoneOptions {
        phone_number: Some(number.to_owned()),
        timestamp: Some(timestamp),
        ..PhoneOptions::default()
    }
}

fn now() -> i64 {
    UNIX_EPOCH.elapsed().expect("after 1970").as_secs() as i64
}

#[actix_rt::test]
async fn a_changed_phone_goes_to_the_history_and_a_replay_brings_nothing_back() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = |options| world.wechat.phone_with("alice", options);
    let old = data(phone("13580000001", now() - 20));
    let new = data(phone("13580000002", now() - 10));
    let at_the_same_time = data(phone("13580000003", now() - 10));
    let stored = || world.database.value("phone_number", "FROM users");

    page.post_phone(&openid, &old).await.assert_ok();
    page.post_phone(&openid, &new).await.assert_ok();
    assert_eq!(stored().as_deref(), Some("13580000002"));

    let replayed = page.post_phone(&openid, &old).await;
    assert_eq!(replayed.text("phoneNumber"), "13580000001", "answered");
    assert_eq!(stored().as_deref(), Some("13580000002"), "but not stored");

    page.post_phone(&openid, &at_the_same_time).await.assert_ok();
    assert_eq!(stored().as_deref(), Some("13580000003"), "at equal times the last wins");
    let history = world.database.column("phone_number", "FROM phone_history ORDER BY id");
    assert_eq!(history, [Some("13580000001".to_owned()), Some("13580000002".to_owned())]);
}

/// A is authorised twice; then an attacker replays data of B from in between.
#[actix_rt::test]
async fn a_number_that_is_authorised_again_is_safe_from_replays_of_what_came_before() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = |options| world.wechat.phone_with("alice", options);
    let stored =
        || world.database.value("CONCAT(phone_number, ' ', phone_updated_at)", "FROM users");
    page.post_phone(&openid, &data(phone("13580000001", now() - 300))).await.assert_ok();
    let first = stored();

    page.post_phone(&openid, &data(phone("13580000001", now() - 100))).await.assert_ok();
    page.post_phone(&openid, &data(phone("13580000002", now() - 200))).await.assert_ok();

    assert_eq!(stored(), first);
    assert_eq!(world.database.count("FROM phone_history"), 0);
}

#[actix_rt::test]
async fn concurrent_changes_leave_the_newest_phone_and_a_history_without_gaps() {
    let world = World::new();
    let servers = [world.server(), world.server()];
    let openid = servers[0].client().log_in(&world, "alice").await;
    let start = now() - 1_000;

    let posts: Vec<_> = (0..24)
        .map(|number| {
            let options = phone(&format!("135800000{number:02}"), start + number);
            let data = world.wechat.phone_with("alice", options);
            let (page, openid) = (servers[number as usize % 2].client(), openid.clone());
            actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
        })
        .collect();
    for post in posts {
        post.await.expect("no post panics").assert_ok();
    }

    assert_eq!(world.database.value("phone_number", "FROM users").as_deref(), Some("13580000023"));
    let history = world.database.column("phone_watermark", "FROM phone_history ORDER BY id");
    assert!(history.is_sorted(), "each change saw the one before it");
}
