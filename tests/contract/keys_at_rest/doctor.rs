//! What `wxauth doctor` says of stored keys.

use serde_json::Value;

use super::reencrypt::insert_many;
use super::{A, B, run_with};
use crate::harness::World;

/// The finding `session_keys`.
fn finding(world: &World, secrets: &str) -> Value {
    let findings = run_with(world, secrets, &["doctor", "--json"]).json();
    let findings = findings.as_array().expect("an array");
    let found = findings.iter().find(|finding| finding["check"] == "session_keys");
    found.expect("the check is made").clone()
}

#[track_caller]
fn assert_finds(world: &World, secrets: &str, state: &str, found: &str, advice: &str) {
    let finding = finding(world, secrets);
    assert_eq!(finding["state"], state, "{finding}");
    assert!(finding["found"].as_str().expect("text").contains(found), "{finding}");
    assert!(finding["advice"].as_str().unwrap_or_default().contains(advice), "{finding}");
}

#[test]
fn keys_are_counted_by_secret_until_one_may_be_removed() {
    let world = World::new();
    run_with(&world, A, &["migrate"]).assert_ok();
    assert_finds(&world, "plain", "ok", "0 keys", "");
    insert_many(&world, 3);
    assert_finds(&world, "plain", "ok", "3 keys, by secret: plain 3", "");
    assert_finds(&world, &format!("plain,{A}"), "ok", "plain 3, a 0", "");
    let switched = format!("{A},plain");
    assert_finds(&world, &switched, "warning", "a 0, plain 3", "reencrypt");
    run_with(&world, &switched, &["sessions", "reencrypt"]).assert_ok();
    assert_finds(&world, &switched, "ok", "a 3, plain 0", "");
    assert_finds(&world, A, "ok", "3 keys, by secret: a 3", "");

    assert_finds(&world, B, "failed", "not listed: 3 under a", "SESSION_KEY_SECRETS");
    world.database.execute("UPDATE sessions SET openid = CONCAT(openid, 'x')");
    assert_finds(&world, A, "warning", "3 were changed since they were stored", "log in again");
}
