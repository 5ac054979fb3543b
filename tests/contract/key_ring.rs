//! Which keys open data: every living one, the newest first.

use std::time::{Duration, Instant};

use crate::harness::{World, numbers};

#[actix_rt::test]
async fn a_key_replaced_before_the_tap_still_opens_the_phone() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    for _ in 0..5 {
        page.log_in_rotating(&world, "alice").await;
    }

    let answer = page.post_phone(&openid, &data).await;

    answer.assert_ok();
    assert_eq!(answer.text("phoneNumber"), "13580006666");
    server.line("key=6/6").await;
}

#[actix_rt::test]
async fn of_more_than_sixteen_living_keys_the_newest_are_tried() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let oldest = world.wechat.phone("alice");
    world.database.age_keys(100);
    let mut second_oldest = None;
    for _ in 0..16 {
        page.log_in_rotating(&world, "alice").await;
        second_oldest.get_or_insert_with(|| world.wechat.phone("alice"));
        world.database.age_keys(1);
    }

    let too_old = page.post_phone(&openid, &oldest).await;
    let within = page.post_phone(&openid, &second_oldest.expect("keys were made")).await;

    too_old.assert_error(401, 40103, "decrypt_failed", true);
    within.assert_ok();
}

#[actix_rt::test]
async fn an_expired_key_is_never_used() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    world.database.age_keys(259_201);

    let expired = page.post_phone(&openid, &data).await;
    expired.assert_error(401, 40101, "session_expired", true);

    page.log_in_rotating(&world, "alice").await;
    let other_key_alive = page.post_phone(&openid, &data).await;
    other_key_alive.assert_error(401, 40103, "decrypt_failed", true);
}

#[actix_rt::test]
async fn purging_removes_expired_keys_only_and_changes_no_answer() {
    let world = World::new();
    let page_server = world.server_with(&[("PURGE_INTERVAL_SECONDS", "0")]);
    let page = page_server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    world.database.age_keys(259_201);
    // More than two batches.
    world.database.execute(&format!(
        "INSERT INTO sessions SELECT openid, LPAD(number, 16, '0'), session_key, code_hash,
         code_brought_at, code_minute, first_seen_at, issued_at, expires_at FROM sessions, {}",
        numbers(500)
    ));
    let bob = page.log_in(&world, "bob").await;
    world.database.execute(&format!(
        "INSERT INTO further_codes SELECT UNHEX(SHA2(number, 256)), 'oX', '0', '2020-01-01' FROM {}",
        numbers(600)
    ));

    let purging = world.server_with(&[("PURGE_INTERVAL_SECONDS", "3600")]);
    purging.wait_for_line("removed 501 expired keys");

    assert_eq!(world.database.column("openid", "FROM sessions"), [Some(bob)]);
    assert_eq!(world.database.count("FROM further_codes"), 0);
    page.post_phone(&openid, &data).await.assert_error(401, 40101, "session_expired", true);
}

/// As under load: in every pause of the purge, some codes become too old.
#[actix_rt::test]
async fn codes_that_never_cease_to_grow_old_keep_no_expired_key() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let world = World::new();
    let not_purging = world.server_with(&[("PURGE_INTERVAL_SECONDS", "0")]);
    not_purging.client().log_in(&world, "alice").await;
    world.database.age_keys(259_201);
    let _purging = world.server_with(&[("PURGE_INTERVAL_SECONDS", "3600")]);

    let begun = Instant::now();
    for number in 0.. {
        world.database.execute(&format!(
            "INSERT INTO further_codes VALUES (UNHEX(SHA2('{number}', 256)), 'oX', '0', '2020-01-01')"
        ));
        if world.database.count("FROM sessions") == 0 {
            break;
        }
        assert!(begun.elapsed() < PATIENCE, "after {number} codes");
    }
}
