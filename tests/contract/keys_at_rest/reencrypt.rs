//! `wxauth sessions reencrypt`: every key under the first entry, beside servers, whatever happens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{A, B, SECRETS, run_with, stored_keys};
use crate::harness::{Server, World, fingerprint};

const REENCRYPT: [&str; 3] = ["sessions", "reencrypt", "--json"];
/// More than two batches.
const MANY: u32 = 2_500;

/// Users with a plain key each, whose openids begin with `many`.
pub fn insert_many(world: &World, count: u32) {
    let key = |number: u32| BASE64.encode(u128::from(number).to_be_bytes());
    let user = |number| format!("('many{number}', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))");
    let session = |number| {
        let key = key(number);
        format!(
            "('many{number}', '{}', '{key}', UNHEX(SHA2('', 256)), '1970-01-01',
              UTC_TIMESTAMP(3), UTC_TIMESTAMP(3), UTC_TIMESTAMP(3) + INTERVAL 1 DAY)",
            fingerprint(&key)
        )
    };
    let users: Vec<_> = (0..count).map(user).collect();
    let sessions: Vec<_> = (0..count).map(session).collect();
    world.database.execute(&format!(
        "INSERT INTO users (openid, created_at, updated_at) VALUES {};
         INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, code_brought_at,
                               first_seen_at, issued_at, expires_at) VALUES {}",
        users.join(","),
        sessions.join(",")
    ));
}

fn under(world: &World, name: &str) -> u64 {
    world.database.count(&format!("FROM sessions WHERE session_key LIKE '{name}:%'"))
}

#[test]
fn every_key_is_brought_under_the_first_entry_and_back_to_what_it_was() {
    let world = World::new();
    run_with(&world, A, &["migrate"]).assert_ok();
    insert_many(&world, MANY);
    let before = stored_keys(&world.database);

    let check =
        run_with(&world, &format!("{A},plain"), &["sessions", "reencrypt", "--check", "--json"]);
    assert_eq!(check.code, Some(1), "{}", check.stdout);
    assert_eq!(check.json()["entries"]["plain"], MANY);
    assert_eq!(stored_keys(&world.database), before, "a check changes nothing");

    for (list, name) in [(format!("{A},plain"), "a"), (format!("{B},{A}"), "b")] {
        let done = run_with(&world, &list, &REENCRYPT);
        let done = done.assert_ok().json();
        assert_eq!((&done["first"], &done["keys"]), (&name.into(), &MANY.into()), "{done}");
        assert_eq!(
            (&done["reencrypted"], &done["unreadable"]),
            (&MANY.into(), &0.into()),
            "{done}"
        );
        assert_eq!(under(&world, name), u64::from(MANY));
        let again = run_with(&world, &list, &REENCRYPT);
        assert_eq!(again.assert_ok().json()["reencrypted"], 0, "{}", again.stdout);
    }

    run_with(&world, &format!("plain,{B}"), &REENCRYPT).assert_ok();
    assert_eq!(stored_keys(&world.database), before, "the format of before");
}

#[test]
fn killed_at_any_moment_it_loses_nothing_and_goes_on() {
    let world = World::new();
    run_with(&world, A, &["migrate"]).assert_ok();
    insert_many(&world, MANY);
    let list = format!("{A},plain");
    for least in [1, 700, 1_500] {
        let running = Server::spawn(&REENCRYPT, &world.variables(), &[(SECRETS, &list)]);
        while under(&world, "a") < least {
            std::thread::yield_now();
        }
        // Killed when dropped.
        drop(running);
        let whole = run_with(&world, &list, &["sessions", "reencrypt", "--check", "--json"]).json();
        assert_eq!((&whole["keys"], &whole["unreadable"]), (&MANY.into(), &0.into()), "{whole}");
    }

    run_with(&world, &list, &REENCRYPT).assert_ok();

    assert_eq!(under(&world, "a"), u64::from(MANY));
}

#[actix_rt::test]
async fn what_a_login_wrote_meanwhile_stays_and_what_no_secret_opens_is_left() {
    let world = World::new();
    let list = format!("{A},plain");
    let server = world.server_with(&[(SECRETS, "plain")]);
    let openid = server.client().log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    let key = world.wechat.session_key("alice").expect("alice logged in");
    world.database.insert_login("oLost", "AAECAwQFBgcICQoLDA0ODw==");
    world.database.execute("UPDATE sessions SET session_key = 'lost:AAAA' WHERE openid = 'oLost'");

    // The row is locked after it was read: as by a login that brings the same key again.
    let login =
        world.database.begin("UPDATE sessions SET session_key = 'x:AAAA' WHERE openid LIKE 'o%'");
    let (variables, arguments) = (world.variables(), REENCRYPT);
    let running = Server::spawn(&arguments, &variables, &[(SECRETS, &list)]);
    world.database.wait_for_a_lock_wait();
    login.commit();
    let (status, log) = running.wait();

    assert_eq!(status.code(), Some(1), "{log}");
    let stored = stored_keys(&world.database);
    assert_eq!(stored, ["x:AAAA", "x:AAAA"], "what was written meanwhile stays");

    world
        .database
        .execute(&format!("UPDATE sessions SET session_key = '{key}' WHERE openid = '{openid}'"));
    let done = run_with(&world, &list, &["sessions", "reencrypt"]);
    assert_eq!(done.code, Some(1), "{}", done.stdout);
    assert!(done.stdout.contains("1 keys are left that no secret"), "{}", done.stdout);
    assert!(done.stdout.contains("plain 1") && done.stdout.contains("x 1"), "{}", done.stdout);
    assert!(!done.stdout.contains(&key) && !done.stdout.contains("AAAA"), "{}", done.stdout);
    world.server_with(&[(SECRETS, A)]).client().post_phone(&openid, &data).await.assert_ok();
}
