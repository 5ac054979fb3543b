//! `wxauth migrate status`: what is applied, for people, scripts and those who wait for it.

use std::collections::BTreeMap;

use crate::harness::{Relay, Server, World};

/// The state of each migration, by name.
fn states(world: &World, code: i32) -> BTreeMap<String, String> {
    let finished = world.run(&["migrate", "status", "--json"]);
    assert_eq!(finished.code, Some(code), "{}{}", finished.stdout, finished.stderr);
    let all = finished.json();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let all = all.as_array().expect("an array").iter();
    all.map(|status| (text(&status["migration"]), text(&status["state"]))).collect()
}

#[test]
fn it_says_which_migrations_are_applied_and_which_are_missing() {
    let world = World::new();
    let before = states(&world, 3);
    assert!(before.values().all(|state| state == "missing"), "{before:?}");
    assert!(before.contains_key("2026-11-22-100000_create_users"), "{before:?}");

    world.run(&["migrate"]).assert_ok();

    let after = states(&world, 0);
    assert_eq!(after.len(), before.len());
    assert!(after.values().all(|state| state == "applied"), "{after:?}");

    world
        .database
        .execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261122100000'");
    let finished = world.run(&["migrate", "status"]);
    assert_eq!(finished.code, Some(3));
    let missing: Vec<_> =
        finished.stdout.lines().filter(|line| line.trim_start().starts_with("missing")).collect();
    assert_eq!(missing.len(), 1, "{}", finished.stdout);
    assert!(missing[0].trim_end().ends_with("2026-11-22-100000_create_users"), "{missing:?}");
}

#[test]
fn a_newer_schema_misses_nothing() {
    let world = World::new();
    world.run(&["migrate"]).assert_ok();
    world
        .database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
    assert_eq!(states(&world, 0)["99990101000000"], "newer");
}

#[test]
fn it_waits_for_whoever_migrates() {
    let world = World::new();
    let waiting = Server::spawn(&["migrate", "status", "--wait", "60"], &world.variables(), &[]);
    waiting.wait_for_line("waiting for missing migrations");
    world.run(&["migrate"]).assert_ok();
    let (status, log) = waiting.wait();
    assert!(status.success(), "{log}");

    world.database.execute("DELETE FROM __diesel_schema_migrations LIMIT 1");
    assert_eq!(world.run(&["migrate", "status", "--wait", "1"]).code, Some(3));
}

#[test]
fn it_waits_for_a_database_that_is_down_and_gives_one_that_says_nothing_up() {
    let world = World::new();
    world.run(&["migrate"]).assert_ok();
    let relay = Relay::to(world.database.address());
    relay.cut();
    let url = world.database.url_through(&relay.address());
    let wait = |seconds| {
        let arguments = ["migrate", "status", "--wait", seconds];
        Server::spawn(&arguments, &world.variables(), &[("DATABASE_URL", &url)])
    };
    let waiting = wait("60");
    waiting.wait_for_line("waiting for the database");
    relay.mend();
    let (status, log) = waiting.wait();
    assert!(status.success(), "{log}");

    relay.fall_mute();
    let (status, log) = wait("1").wait();
    assert_eq!(status.code(), Some(1), "{log}");
}
