//! A stored key that does not open is a key that opens no data: for the page a failure like any other.

use std::time::Duration;

use super::{A, B, SECRETS, stored_keys};
use crate::harness::{METRICS, Reader, Server, World};

const COUNTER: &str = "wxauth_unreadable_keys_total";
/// No failed decryption is answered earlier.
const MIN_FAILURE_TIME: Duration = Duration::from_millis(500);

fn server_with(world: &World, secrets: &str) -> Server {
    world.server_with(&[(SECRETS, secrets), METRICS, ("LOGIN_GRACE_MS", "0")])
}

#[actix_rt::test]
async fn a_sealed_key_opens_the_phone_and_a_plain_one_is_stored_as_wechat_gave_it() {
    let world = World::new();
    for (secrets, beginning) in [(format!("{A},plain"), Some("a:")), (format!("plain,{A}"), None)] {
        let server = world.server_with(&[(SECRETS, &secrets)]);
        let page = server.client();
        let openid = page.log_in_rotating(&world, "alice").await;
        let key = world.wechat.session_key("alice").expect("alice logged in");

        page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();

        let fingerprint = format!("LEFT(SHA2(FROM_BASE64('{key}'), 256), 16)");
        let row = format!("FROM sessions WHERE key_fingerprint = {fingerprint}");
        let stored = world.database.value("session_key", &row).expect("not null");
        match beginning {
            Some(beginning) => assert!(stored.starts_with(beginning), "{stored}"),
            None => assert_eq!(stored, key),
        }
    }
}

#[actix_rt::test]
async fn a_secret_that_was_removed_too_early_is_a_key_that_does_not_open_and_heals_with_a_login() {
    let world = World::new();
    let openid = server_with(&world, A).client().log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    let server = server_with(&world, &format!("{B},plain"));
    let (page, reader) = (server.client(), Reader::of(&server));

    for _ in 0..2 {
        let failed = page.post_phone(&openid, &data).await;
        failed.assert_error(401, 40103, "decrypt_failed", true);
        assert!(failed.elapsed >= MIN_FAILURE_TIME, "{:?}", failed.elapsed);
    }

    let line = server.line("SESSION_KEY_SECRETS does not list").await;
    assert!(line.contains("ERROR") && line.contains("under a,"), "{line}");
    let told = server.log().matches("does not list").count();
    assert_eq!(told, 1, "{}", server.log());
    let text = reader.text().await;
    assert!(Reader::value(&text, COUNTER) >= 2.0, "{text}");

    // WeChat keeps the key for a while, so the page's next login brings the same one.
    page.log_in(&world, "alice").await;
    page.post_phone(&openid, &data).await.assert_ok();
    let stored = stored_keys(&world.database);
    assert!(matches!(&stored[..], [key] if key.starts_with("b:")), "{stored:?}");
}

#[actix_rt::test]
async fn whatever_somebody_does_to_a_row_opens_nothing_and_makes_no_5xx() {
    let world = World::new();
    let server = server_with(&world, &format!("{A},{B},plain"));
    let page = server.client();
    let alice = page.log_in(&world, "alice").await;
    let bob = page.log_in(&world, "bob").await;
    let row = format!("WHERE openid = '{alice}'");
    let of_bob =
        world.database.value("session_key", &format!("FROM sessions WHERE openid = '{bob}'"));
    let of_bob = of_bob.expect("a key");
    let bobs_key = world.wechat.session_key("bob").expect("bob logged in");
    let stored =
        world.database.value("session_key", &format!("FROM sessions {row}")).expect("a key");
    let is_base64 = |c: &char| c.is_ascii_alphanumeric();
    let (first, last) = (stored.chars().nth(2), stored.chars().rev().find(is_base64));
    let flipped = |c: Option<char>| if c == Some('B') { 'C' } else { 'B' };

    for changed in [
        String::new(),
        "a:".to_owned(),
        stored.replace("a:", "b:"),
        stored.replace("a:", "plain:"),
        stored.replace("a:", ""),
        stored.chars().take(20).collect(),
        stored.replacen(first.expect("base64"), &flipped(first).to_string(), 1),
        format!("{}{}=", stored.trim_end_matches(|c| Some(c) == last || c == '='), flipped(last)),
        of_bob,
        // Without a secret in its list it would be readable: a plain key must be the row's own.
        bobs_key,
    ] {
        world.database.execute(&format!("UPDATE sessions SET session_key = '{changed}' {row}"));
        for data in [world.wechat.phone("alice"), world.wechat.phone("bob")] {
            let answer = page.post_phone(&alice, &data).await;
            answer.assert_error(401, 40103, "decrypt_failed", true);
        }
    }
    let line = server.line("is not what was stored there").await;
    assert!(line.contains("ERROR") && !line.contains(&alice), "{line}");
    assert_eq!(server.log().matches("is not what was stored").count(), 1, "told once");

    world.database.execute(&format!("UPDATE sessions SET session_key = '{stored}' {row}"));
    page.post_phone(&alice, &world.wechat.phone("alice")).await.assert_ok();
    page.post_phone(&bob, &world.wechat.phone("bob")).await.assert_ok();
}

#[actix_rt::test]
async fn of_several_keys_those_that_do_not_open_stand_in_nobodys_way() {
    let world = World::new();
    let server = server_with(&world, A);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    page.log_in_rotating(&world, "alice").await;
    world
        .database
        .execute("UPDATE sessions SET session_key = 'lost:AAAA' ORDER BY issued_at DESC LIMIT 1");

    page.post_phone(&openid, &data).await.assert_ok();

    server.line("key=2/2").await;
}
