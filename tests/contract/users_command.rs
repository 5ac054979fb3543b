//! `wxauth users show`, `find` and `erase`.

use std::cell::Cell;
use std::rc::Rc;

use crate::harness::{Finished, Server, World};

const PHONE: &str = "13580006666";
const MASKED: &str = "135****6666";
const TABLES: [&str; 4] = ["users", "sessions", "further_codes", "phone_history"];

/// Alice has authorised a phone in place of an older one, and has logged in twice.
async fn world() -> (World, Server, String) {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let alice = page.log_in(&world, "alice").await;
    page.log_in(&world, "alice").await;
    page.log_in(&world, "bob").await;
    page.post_phone(&alice, &world.wechat.phone("alice")).await.assert_ok();
    world.database.execute(&format!(
        "INSERT INTO phone_history (openid, phone_number, pure_phone_number, country_code, \
         phone_watermark, replaced_at) VALUES \
         ('{alice}', '13580007777', '13580007777', '86', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))"
    ));
    (world, server, alice)
}

fn run(world: &World, arguments: &[&str]) -> Finished {
    let arguments: Vec<_> = ["users"].iter().chain(arguments).copied().collect();
    world.run(&arguments)
}

#[actix_rt::test]
async fn a_user_is_shown_with_masked_phones_unless_they_are_to_be_revealed() {
    let (world, _server, alice) = world().await;

    let shown = run(&world, &["show", &alice, "--json"]);
    let shown = shown.assert_ok().json();
    assert_eq!(
        (&shown["openid"], &shown["phone_number"]),
        (&alice.as_str().into(), &MASKED.into())
    );
    assert_eq!((&shown["active_keys"], &shown["expired_keys"]), (&1.into(), &0.into()));
    assert_eq!(shown["former_phones"][0]["phone_number"], "135****7777");
    assert!(shown["created_at"].as_str().is_some_and(|time| time.ends_with('Z')), "{shown}");
    let revealed = run(&world, &["show", &alice, "--json", "--reveal"]);
    assert_eq!(revealed.assert_ok().json()["phone_number"], PHONE);
    let table = run(&world, &["show", &alice]);
    assert!(table.assert_ok().stdout.contains(MASKED), "{}", table.stdout);
    let nobody = run(&world, &["show", "oNobody"]);
    assert_eq!((nobody.code, nobody.stderr.as_str()), (Some(3), "nothing found\n"));
}

#[actix_rt::test]
async fn users_are_found_by_number_with_and_without_its_area_code() {
    let (world, _server, alice) = world().await;
    for number in [PHONE, "+8613580006666", "86 135-8000-6666", "008613580006666"] {
        let found = run(&world, &["find", "--phone", number, "--json"]);
        let found = found.assert_ok().json();
        assert_eq!(found.as_array().map(Vec::len), Some(1), "{number}: {found}");
        assert_eq!(
            (&found[0]["openid"], &found[0]["phone_number"]),
            (&alice.as_str().into(), &MASKED.into())
        );
    }
    for number in ["13580006667", "80006666", "+113580006666"] {
        let found = run(&world, &["find", "--phone", number, "--json"]);
        assert_eq!((found.code, found.stdout.trim()), (Some(3), "[]"), "{number}");
    }
    for number in ["", "abc", "123", "1358000666613580006666"] {
        assert_eq!(run(&world, &["find", "--phone", number]).code, Some(2), "{number}");
    }
}

#[actix_rt::test]
async fn an_erased_user_is_gone_from_every_table_and_nobody_else_is() {
    let (world, server, alice) = world().await;

    let unasked = run(&world, &["erase", &alice]);
    assert_eq!(unasked.code, Some(1), "{}", unasked.stdout);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let erased = run(&world, &["erase", &alice, "--yes", "--json"]);

    let erased = erased.assert_ok().json();
    for table in TABLES {
        assert_eq!(erased[table], 1, "{erased}");
        let left = world.database.count(&format!("FROM {table} WHERE openid = '{alice}'"));
        assert_eq!(left, 0, "{table}");
    }
    assert_eq!(world.database.count("FROM users JOIN sessions USING (openid)"), 1);
    assert_eq!(run(&world, &["erase", &alice, "--yes"]).code, Some(3));
    // Who comes back is a new user.
    assert_eq!(server.client().log_in(&world, "alice").await, alice);
}

#[actix_rt::test]
async fn logins_while_their_user_is_erased_leave_no_key_without_a_user() {
    let world = World::with_rate_limit(None);
    let (server, other) = (world.server(), world.server());
    let page = server.client();
    let alice = page.log_in(&world, "alice").await;
    for _ in 0..5 {
        let is_erased = Rc::new(Cell::new(false));
        let logins: Vec<_> = (0..16)
            .map(|number| {
                let page = if number % 2 == 0 { page.clone() } else { other.client() };
                let (wechat, is_erased) = (world.wechat.clone(), Rc::clone(&is_erased));
                actix_rt::spawn(async move {
                    // The last one begins after the erasure.
                    let mut is_last = false;
                    while !is_last {
                        is_last = is_erased.get();
                        let code = match number % 3 {
                            0 => wechat.login_rotating("alice"),
                            _ => wechat.login("alice"),
                        };
                        page.post_code(&code).await.assert_ok();
                    }
                })
            })
            .collect();
        let (variables, openid) = (world.variables(), alice.clone());
        let erased = actix_rt::task::spawn_blocking(move || {
            Finished::of(&["users", "erase", &openid, "--yes"], &variables, b"")
        });
        erased.await.expect("the command ends").assert_ok();
        is_erased.set(true);
        for login in logins {
            login.await.expect("no login panics");
        }
        for table in ["sessions", "further_codes"] {
            let orphans = format!("FROM {table} LEFT JOIN users USING (openid) WHERE id IS NULL");
            assert_eq!(world.database.count(&orphans), 0, "{table}");
        }
    }
}

#[actix_rt::test]
async fn no_command_shows_a_key_a_secret_or_a_phone() {
    let (world, _server, alice) = world().await;
    let key = world.wechat.session_key("alice").expect("alice logged in");
    let commands: [&[&str]; 19] = [
        &["sessions", "stats"],
        &["sessions", "stats", "--json"],
        &["sessions", "list"],
        &["sessions", "list", "--json"],
        &["sessions", "show", &alice],
        &["sessions", "show", &alice, "--json"],
        &["sessions", "purge"],
        &["sessions", "reencrypt"],
        &["sessions", "reencrypt", "--check"],
        &["sessions", "reencrypt", "--check", "--json"],
        &["users", "show", &alice],
        &["users", "show", &alice, "--json"],
        &["users", "find", "--phone", PHONE],
        &["users", "find", "--phone", PHONE, "--json"],
        &["users", "find", "--phone", "13580006666x"],
        &["doctor"],
        &["doctor", "--json"],
        &["migrate"],
        &["sessions", "revoke", &alice],
    ];
    let secrets = [key.as_str(), world.wechat.secret(), "13580007777", world.database.password()];
    for command in commands {
        let done = world.run(command);
        for secret in secrets {
            let printed = [&done.stdout, &done.stderr];
            assert!(
                !printed.iter().any(|text| text.contains(secret)),
                "{command:?} tells a secret"
            );
        }
        // What was typed may stand in the sentence that refuses it.
        assert!(!done.stdout.contains(PHONE), "{command:?} tells the phone");
    }
}
