//! `wxauth sessions`: what admins see of stored keys and do with them.

use serde_json::Value;

use crate::harness::{Finished, Server, World};

/// Three users: alice with two keys, bob with one, carol with one that has expired.
async fn world() -> (World, Server) {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.log_in(&world, "alice").await;
    page.post_code(&world.wechat.login_rotating("alice")).await.assert_ok();
    page.log_in(&world, "bob").await;
    let carol = page.log_in(&world, "carol").await;
    world.database.execute(&format!(
        "UPDATE sessions SET issued_at = issued_at - INTERVAL 4 DAY, \
         expires_at = expires_at - INTERVAL 4 DAY WHERE openid = '{carol}'"
    ));
    (world, server)
}

fn run(world: &World, arguments: &[&str]) -> Finished {
    let arguments: Vec<_> = ["sessions"].iter().chain(arguments).copied().collect();
    world.run(&arguments)
}

fn list(world: &World, filters: &[&str]) -> Vec<Value> {
    let arguments: Vec<_> = ["list", "--json"].iter().chain(filters).copied().collect();
    let listed = run(world, &arguments);
    let keys = listed.json().as_array().expect("an array").clone();
    assert_eq!(listed.code, Some(if keys.is_empty() { 3 } else { 0 }), "{}", listed.stderr);
    keys
}

#[actix_rt::test]
async fn keys_are_listed_newest_first_with_every_filter() {
    let (world, _server) = world().await;
    let all = list(&world, &[]);
    let issued: Vec<_> = all.iter().map(|key| key["issued_at"].as_str().expect("text")).collect();
    assert_eq!(issued.len(), 4);
    assert!(issued.is_sorted_by(|one, other| one >= other), "{issued:?}");
    let names: Vec<_> = all[0].as_object().expect("an object").keys().collect();
    assert_eq!(
        names,
        ["active", "expires_at", "first_seen_at", "issued_at", "key_fingerprint", "openid"]
    );

    let carol = world.wechat.openid("carol");
    assert_eq!(list(&world, &["--active"]).len(), 3);
    let expired = list(&world, &["--expired"]);
    assert_eq!(expired.len(), 1);
    assert_eq!((&expired[0]["openid"], &expired[0]["active"]), (&carol.into(), &false.into()));
    assert_eq!(list(&world, &["--openid", &world.wechat.openid("alice")]).len(), 2);
    assert_eq!(list(&world, &["--limit", "2"]), all[..2]);
    // The times that are printed are those that the filters take.
    assert_eq!(list(&world, &["--issued-before", issued[3]]).len(), 0);
    assert_eq!(list(&world, &["--issued-after", issued[0]])[0], all[0]);
    let day = &issued[3][..10];
    assert_eq!(list(&world, &["--issued-before", day]).len(), 0);
    assert_eq!(list(&world, &["--issued-after", day]).len(), 4);
}

#[actix_rt::test]
async fn people_get_a_table_and_scripts_an_object() {
    let (world, _server) = world().await;
    let alice = world.wechat.openid("alice");

    let table = run(&world, &["list"]);
    table.assert_ok();
    assert!(table.stdout.contains("first seen (UTC)"), "{}", table.stdout);
    assert_eq!(table.stdout.matches(&alice).count(), 2, "{}", table.stdout);
    let shown = run(&world, &["show", &alice, "--json"]);
    let shown = shown.assert_ok().json();
    assert_eq!(shown["openid"], alice);
    assert_eq!((&shown["active_keys"], &shown["expired_keys"]), (&2.into(), &0.into()));
    assert_eq!(shown["sessions"].as_array().expect("an array").len(), 2);
    assert_eq!(run(&world, &["show", "oNobody"]).code, Some(3));
}

#[actix_rt::test]
async fn a_revoked_user_has_to_log_in_again_and_nobody_else() {
    let (world, server) = world().await;
    let (page, alice) = (server.client(), world.wechat.openid("alice"));
    let data = world.wechat.phone("alice");

    let revoked = run(&world, &["revoke", &alice, "--json"]);

    assert_eq!(revoked.assert_ok().json()["removed"], 2);
    let answer = page.post_phone(&alice, &data).await;
    answer.assert_error(401, 40101, "session_expired", true);
    page.post_phone(&world.wechat.openid("bob"), &world.wechat.phone("bob")).await.assert_ok();
    assert_eq!(run(&world, &["revoke", &alice]).code, Some(3));
}

#[actix_rt::test]
async fn purging_removes_every_expired_key_and_no_other() {
    let (world, _server) = world().await;
    let bob = world.wechat.openid("bob");
    let numbers: Vec<_> = (1..=700).map(|number| format!("SELECT {number} AS number")).collect();
    world.database.execute(&format!(
        "INSERT INTO sessions SELECT openid, LPAD(number, 16, '0'), session_key, \
         UNHEX(SHA2(number, 256)), code_brought_at, code_minute, first_seen_at, issued_at, UTC_TIMESTAMP(3) \
         FROM sessions JOIN ({}) numbers WHERE openid = '{bob}'",
        numbers.join(" UNION ALL ")
    ));

    let purged = run(&world, &["purge"]);

    purged.assert_ok();
    assert_eq!(purged.stdout, "removed 701 expired keys\n");
    assert_eq!(world.database.count("FROM sessions"), 3);
    assert_eq!(run(&world, &["purge", "--json"]).assert_ok().json()["removed"], 0);
}

#[actix_rt::test]
async fn what_goes_wrong_is_a_sentence_that_helps() {
    let world = World::new();
    let commands: [&[&str]; 4] = [&["list"], &["show", "oX"], &["revoke", "oX"], &["purge"]];
    for command in commands {
        let stale = run(&world, command);
        assert_eq!(stale.code, Some(1), "{}", stale.stdout);
        assert!(stale.stderr.contains("run `wxauth migrate`"), "{}", stale.stderr);
    }
    world.run(&["migrate"]).assert_ok();
    for command in commands {
        let empty = run(&world, command);
        assert_eq!(empty.code, Some(if command == ["purge"] { 0 } else { 3 }), "{}", empty.stderr);
    }
    let mut variables = world.variables();
    variables.retain(|(name, _)| *name != "DATABASE_URL");
    variables.push(("DATABASE_URL", "mysql://canary:canary@127.0.0.1:1/wxauth".to_owned()));
    let unreachable = Finished::of(&["sessions", "list"], &variables, b"");
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.stderr.contains("no connection to the database"), "{}", unreachable.stderr);
    assert!(!unreachable.stderr.contains("canary:canary"), "{}", unreachable.stderr);
    let wrong: [&[&str]; 4] = [
        &["show", "o p"],
        &["list", "--issued-after", "yesterday"],
        &["list", "--active", "--expired"],
        &["list", "--limit", "0"],
    ];
    for arguments in wrong {
        assert_eq!(run(&world, arguments).code, Some(2), "{arguments:?}");
    }
}

#[actix_rt::test]
async fn stats_count_users_keys_and_decryptions_and_draw_them() {
    let (world, server) = world().await;
    let page = server.client();
    page.post_phone(&world.wechat.openid("bob"), &world.wechat.phone("bob")).await.assert_ok();
    server.signal("TERM");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");

    let stats = run(&world, &["stats", "--json"]);
    let stats = stats.assert_ok().json();

    let counts = [("users", 3), ("users_with_phone", 1), ("active_keys", 3), ("expired_keys", 1)];
    for (name, count) in counts {
        assert_eq!(stats[name], count, "{name}: {stats}");
    }
    let per_user = stats["keys_per_user"].as_array().expect("an array");
    let per_user: Vec<_> =
        per_user.iter().map(|row| (row["active_keys"].as_u64(), row["users"].as_u64())).collect();
    assert_eq!(per_user, [(Some(0), Some(1)), (Some(1), Some(1)), (Some(2), Some(1))]);
    let ages = stats["key_ages"].as_array().expect("an array");
    let young = ages.iter().take(2).map(|row| row["active_keys"].as_u64().unwrap_or_default());
    assert_eq!(young.sum::<u64>(), 3, "{stats}");
    let opened = &stats["decryptions"][0];
    assert_eq!((&opened["outcome"], &opened["place"]), (&"opened".into(), &1.into()));
    assert_eq!((&opened["age_below"], &opened["decryptions"]), (&60.into(), &1.into()));
    let days = stats["days"].as_array().expect("an array");
    let total = |name: &str| days.iter().filter_map(|day| day[name].as_u64()).sum::<u64>();
    assert_eq!((total("new_users"), total("keys_issued")), (3, 4), "{stats}");
    let today = world.database.value("DATE(MAX(created_at))", "FROM users");
    assert_eq!(days.last().map(|day| &day["day"]), Some(&today.into()), "{stats}");

    let picture = run(&world, &["stats"]);
    assert!(picture.assert_ok().stdout.contains('█'), "{}", picture.stdout);
    assert!(picture.stdout.contains("users                    3"), "{}", picture.stdout);
}
