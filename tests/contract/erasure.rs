//! What is erased is gone: from every table, from processes' memory, and from histories in time.

use wxauth::store::{KeyRing, User};
use wxauth::values::Phone;
use wxauth_sandbox::PhoneOptions;

use crate::harness::{Finished, World};

#[actix_rt::test]
async fn no_process_answers_a_code_after_an_erasure_or_a_revocation() {
    for command in [["users", "erase"], ["sessions", "revoke"]] {
        let world = World::with_rate_limit(None);
        let servers = [world.server(), world.server()];
        let pages = servers.each_ref().map(|server| server.client());
        // WeChat keeps the key, so that one of the codes has a place of its own.
        let codes = [world.wechat.login("alice"), world.wechat.login("alice")];
        for code in &codes {
            for page in &pages {
                page.post_code(code).await.assert_ok();
            }
        }
        let openid = world.wechat.openid("alice");
        let yes = if command[0] == "users" { &["--yes"][..] } else { &[] };
        world.run(&[&command[..], &[openid.as_str()], yes].concat()).assert_ok();

        let assert_rejected = async || {
            for code in &codes {
                for page in &pages {
                    let answer = page.post_code(code).await;
                    answer.assert_error(401, 40102, "code_rejected", true);
                }
            }
        };
        assert_rejected().await;
        // Whoever comes back is a new user, and what was before stays forgotten.
        pages[0].log_in(&world, "alice").await;
        assert_rejected().await;
    }
}

/// Also where it is tried again, over the same connection, after it waited too long for a lock.
#[actix_rt::test]
async fn an_erasure_that_cannot_be_whole_erases_nothing() {
    let world = World::new();
    let openid = world.server().client().log_in(&world, "alice").await;
    world.database.execute(&format!(
        "INSERT INTO phone_history (openid, phone_number, pure_phone_number, country_code, \
         phone_watermark, replaced_at) VALUES ('{openid}', '13580000001', '13580000001', '86', \
         UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))"
    ));
    let lock = world.database.begin("SELECT 1 FROM phone_history FOR UPDATE");

    let erased = world.run(&["users", "erase", &openid, "--yes"]);

    assert_ne!(erased.code, Some(0), "{}", erased.stdout);
    drop(lock);
    for table in ["users", "sessions", "phone_history"] {
        assert_eq!(world.database.count(&format!("FROM {table}")), 1, "{table}");
    }
}

#[actix_rt::test]
async fn a_key_whose_user_is_gone_goes_with_the_next_purge_which_looks_at_new_keys_only() {
    let world = World::new();
    let server = world.server();
    let bob = server.client().log_in(&world, "bob").await;
    drop(server);
    // As another node of a cluster may store one at the moment of an erasure.
    let orphan = |openid: &str, minutes: u32| {
        world.database.insert_login(openid, "AAECAwQFBgcICQoLDA0ODw==");
        world.database.execute(&format!(
            "DELETE FROM users WHERE openid = '{openid}';
             UPDATE sessions SET code_minute = UNIX_TIMESTAMP() DIV 60 - {minutes}
             WHERE openid = '{openid}'"
        ));
    };
    orphan("oNow", 0);
    orphan("oAnHourAgo", 60);
    orphan("oYesterday", 2 * 24 * 60);

    let server = world.server();
    server.line("removed 2 keys whose user is gone").await;

    let mut left = world.database.column("openid", "FROM sessions");
    left.sort();
    let mut expected = [Some(bob), Some("oYesterday".to_owned())];
    expected.sort();
    assert_eq!(left, expected);
}

#[actix_rt::test]
async fn histories_and_old_codes_go_also_where_expired_keys_stay() {
    let world = World::new();
    world.run(&["migrate"]).assert_ok();
    world.database.insert_login("oAlice", "AAECAwQFBgcICQoLDA0ODw==");
    world.database.execute("UPDATE sessions SET expires_at = expires_at - INTERVAL 2 DAY");
    for days in [399, 401, 500] {
        world.database.execute(&format!(
            "INSERT INTO phone_history (openid, phone_number, pure_phone_number, country_code,
                                        phone_watermark, replaced_at)
             VALUES ('oAlice', '1', '1', '86', UTC_TIMESTAMP(3),
                     UTC_TIMESTAMP(3) - INTERVAL {days} DAY);
             INSERT INTO key_ages VALUES
                 (UTC_DATE() - INTERVAL {days} DAY, 1, 'opened', 1, 60, 60, 1)"
        ));
    }
    world
        .database
        .execute("INSERT INTO further_codes VALUES (UNHEX(SHA2(1, 256)), 'o', '0', '2020-01-01')");

    let server = world.server_with(&[("PURGE_INTERVAL_SECONDS", "0")]);
    server.line("removed 4 rows of histories").await;

    assert_eq!(world.database.count("FROM phone_history"), 1);
    assert_eq!(world.database.count("FROM key_ages"), 1);
    assert_eq!(world.database.count("FROM further_codes"), 0);
    assert_eq!(world.database.count("FROM sessions WHERE expires_at < UTC_TIMESTAMP()"), 1);
}

#[actix_rt::test]
async fn users_are_erased_by_a_number_that_no_list_of_processes_shows() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    for user in ["alice", "bob", "carol"] {
        let openid = page.log_in(&world, user).await;
        if user != "carol" {
            let shared = Some("13580006666".to_owned());
            let shared = PhoneOptions { phone_number: shared, ..PhoneOptions::default() };
            let data = world.wechat.phone_with(user, shared);
            page.post_phone(&openid, &data).await.assert_ok();
        }
    }
    let erase = |arguments: &[&str], stdin: &str| {
        let arguments = [&["users", "erase"], arguments].concat();
        Finished::of(&arguments, &world.variables(), stdin.as_bytes())
    };

    assert_eq!(erase(&["--phone", "13580006666", "--yes"], "").code, Some(2));
    assert_eq!(erase(&[], "").code, Some(2));
    assert_eq!(erase(&["--phone", "-"], "13580006666\n").code, Some(1), "nobody said yes");
    assert_eq!(erase(&["--phone", "-", "--yes"], "abc\n").code, Some(1));
    assert_eq!(erase(&["--phone", "-", "--yes"], "13999999999\n").code, Some(3));
    let two = erase(&["--phone", "-", "--yes"], "13580006666\n13580007777\n");
    assert_eq!(two.code, Some(1), "{}", two.stdout);
    assert!(two.stderr.contains("one number at a time"), "{}", two.stderr);
    assert_eq!(world.database.count("FROM users"), 3);

    let erased = erase(&["--phone", "-", "--yes", "--json"], "0086 135-8000-6666\n\n");
    assert_eq!(erased.assert_ok().json()["users"], 2, "{}", erased.stdout);
    assert_eq!(world.database.column("openid", "FROM users"), [Some(world.wechat.openid("carol"))]);
    let found =
        Finished::of(&["users", "find", "--phone", "-"], &world.variables(), b"13580006666");
    assert_eq!(found.code, Some(3));
}

#[test]
fn what_holds_a_phone_does_not_show_it() {
    let phone = Phone {
        phone_number: "13580006666".to_owned(),
        pure_phone_number: "13580006666".to_owned(),
        country_code: "86".to_owned(),
        watermark: 1,
    };
    let ring = KeyRing { user: User { id: 1, phone: Some(phone) }, keys: Vec::new() };
    assert!(!format!("{ring:?}").contains("1358"), "{ring:?}");
}
