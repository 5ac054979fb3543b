//! `wxauth users import`: taking users over from an older server.

mod files;
mod interrupted;
mod rows;

use serde_json::Value;

use crate::harness::{Finished, Server, TemporaryFile, World, docs_sql};

const KEY: &str = "Y2FuYXJ5LXNlc3Npb24tMQ==";
const OTHER_KEY: &str = "Y2FuYXJ5LXNlc3Npb24tMg==";

fn migrated_world() -> World {
    let world = World::new();
    world.run(&["migrate"]).assert_ok();
    world
}

fn import(world: &World, file: &TemporaryFile) -> Value {
    let done = world.run(&["users", "import", file.path(), "--json"]);
    assert_no_secret(&done);
    done.assert_ok().json()
}

#[track_caller]
fn assert_no_secret(done: &Finished) {
    for secret in [KEY, OTHER_KEY, "13580006666", "13580007777"] {
        assert!(!done.stdout.contains(secret) && !done.stderr.contains(secret), "{secret}");
    }
}

#[track_caller]
fn assert_counts(summary: &Value, expected: &[(&str, u64)]) {
    for (name, count) in expected {
        assert_eq!(summary[name], *count, "{name}: {summary}");
    }
    let parts = ["imported", "already_there", "rejected"].map(|name| summary[name].as_u64());
    assert_eq!(parts.into_iter().sum::<Option<u64>>(), summary["read"].as_u64(), "{summary}");
}

#[actix_rt::test]
async fn an_imported_key_opens_the_users_phone() {
    let world = migrated_world();
    world.wechat.login("alice");
    let (openid, key) = (world.wechat.openid("alice"), world.wechat.session_key("alice"));
    let key = key.expect("alice has logged in elsewhere");
    let file = TemporaryFile::new("users.csv", format!("openid,session_key\n{openid},{key}\n"));
    assert_counts(&import(&world, &file), &[("imported", 1), ("users", 1), ("keys", 1)]);

    let server = world.server();
    let answer = server.client().post_phone(&openid, &world.wechat.phone("alice")).await;

    answer.assert_ok();
    assert_eq!(answer.text("phoneNumber"), "13580006666");
    assert_eq!(server.client().log_in(&world, "alice").await, openid);
    assert_eq!(world.database.count("FROM sessions"), 1, "the login brought the same key");
}

#[actix_rt::test]
async fn a_phone_that_wechat_gives_replaces_an_imported_one() {
    let world = migrated_world();
    world.wechat.login("alice");
    let (openid, key) = (world.wechat.openid("alice"), world.wechat.session_key("alice"));
    let key = key.expect("alice has logged in elsewhere");
    let rows = format!("openid,session_key,phone\n{openid},{key},13580007777\n");
    import(&world, &TemporaryFile::new("users.csv", rows));

    let server = world.server();
    server.client().post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();

    let phone = world.database.value("phone_number", "FROM users");
    assert_eq!(phone.as_deref(), Some("13580006666"));
    let replaced = world.database.value("phone_number", "FROM phone_history");
    assert_eq!(replaced.as_deref(), Some("13580007777"));
}

#[test]
fn what_is_there_stays_and_a_missing_phone_is_filled_in() {
    let world = migrated_world();
    world.database.insert_login("oThere", KEY);
    world.database.insert_login("oPhoneless", KEY);
    world.database.execute(
        "UPDATE users SET phone_number = '13580006666', pure_phone_number = '13580006666',
                          country_code = '86', phone_watermark = UTC_TIMESTAMP(3),
                          phone_updated_at = UTC_TIMESTAMP(3) WHERE openid = 'oThere'",
    );
    let everything = || {
        world.database.column(
            "CONCAT_WS(' ', CAST(u.openid AS BINARY), id, phone_number, u.created_at, u.updated_at, phone_updated_at, s.session_key,
                       HEX(code_hash), code_brought_at, first_seen_at, issued_at, expires_at)",
            "FROM users u LEFT JOIN sessions s ON s.openid = u.openid ORDER BY 1",
        )
    };
    let before = everything();
    let rows = format!(
        "openid,session_key,phone,created_at\n\
         oThere,{KEY},13580007777,2019-07-01\n\
         oThere,{KEY},13580007777,\n\
         oPhoneless,{KEY},13580006666,\n\
         oPhoneless,{OTHER_KEY},13580006666,\n"
    );
    let file = TemporaryFile::new("users.csv", rows);

    let checked = world.run(&["users", "import", file.path(), "--json", "--check"]);
    let expected =
        [("imported", 2), ("already_there", 2), ("users", 0), ("phones", 1), ("keys", 1)];
    assert_counts(&checked.assert_ok().json(), &expected);
    assert_eq!(everything(), before, "--check changes nothing");

    assert_counts(&import(&world, &file), &expected);
    let after = everything();
    assert_eq!(after.len(), 3);
    assert!(after.contains(&before[1]), "{before:?} {after:?}");
    let filled = world.database.value("phone_number", "FROM users WHERE openid = 'oPhoneless'");
    assert_eq!(filled.as_deref(), Some("13580006666"));

    assert_counts(&import(&world, &file), &[("imported", 0), ("already_there", 4)]);
    assert_eq!(everything(), after, "the second time nothing is new");
}

#[test]
fn what_cannot_be_imported_at_all_ends_in_a_sentence() {
    let world = migrated_world();
    let empty = TemporaryFile::new("empty.csv", "");
    let nameless = TemporaryFile::new("nameless.csv", format!("oAlice,{KEY}\n"));
    let twice = TemporaryFile::new("twice.csv", "openid,phone,mobile\n");
    let good = TemporaryFile::new("good.csv", "openid\noAlice\n");
    let precious = TemporaryFile::new("precious.csv", "not to be lost\n");
    for (arguments, code, says) in [
        (vec![empty.path()], 1, "is empty"),
        (vec![nameless.path()], 1, "no column openid"),
        (vec![twice.path()], 1, "more than one column for phone"),
        (vec!["/does/not/exist.csv"], 1, "/does/not/exist.csv cannot be read"),
        (vec![good.path(), "--rejects", precious.path()], 1, "no list of rejected rows"),
        (vec![good.path(), "--rejects", good.path()], 1, "no list of rejected rows"),
        (vec![good.path(), "--utc-offset", "noon"], 2, "--utc-offset"),
        (vec![], 2, "FILE"),
    ] {
        let arguments: Vec<&str> = ["users", "import"].into_iter().chain(arguments).collect();
        let done = world.run(&arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{arguments:?}: {}", done.stderr);
        assert_no_secret(&done);
    }
    assert_eq!(std::fs::read_to_string(precious.path()).ok().as_deref(), Some("not to be lost\n"));
    assert_eq!(world.database.count("FROM users"), 0);

    let unmigrated = World::new();
    let done = unmigrated.run(&["users", "import", good.path()]);
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("wxauth migrate"), "{}", done.stderr);
}

#[test]
fn a_user_who_is_erased_while_their_key_is_imported_keeps_none() {
    let world = migrated_world();
    world.database.execute(
        "INSERT INTO users (openid, created_at, updated_at)
         VALUES ('oAlice', UTC_TIMESTAMP(3), UTC_TIMESTAMP(3))",
    );
    let erasing = world.database.begin(
        "DELETE FROM users WHERE openid = 'oAlice'; DELETE FROM sessions WHERE openid = 'oAlice'",
    );
    let file = TemporaryFile::new("users.csv", format!("openid,session_key\noAlice,{KEY}\n"));
    let importing = Server::spawn(&["users", "import", file.path()], &world.variables(), &[]);
    world.database.wait_for_a_lock_wait();

    erasing.commit();

    let (status, log) = importing.wait();
    assert!(status.success(), "{log}");
    assert_eq!(world.database.count("FROM sessions"), 0);
}

#[actix_rt::test]
async fn the_sql_of_the_docs_takes_over_an_old_table() {
    let world = migrated_world();
    world.wechat.login("alice");
    let (openid, key) = (world.wechat.openid("alice"), world.wechat.session_key("alice"));
    let key = key.expect("alice has logged in elsewhere");
    world.database.insert_login("oThere", KEY);
    world.database.execute(&format!(
        "CREATE TABLE wx_users (openid VARCHAR(128), session_key VARCHAR(64), phone VARCHAR(20),
                                created_time DATETIME) DEFAULT CHARACTER SET = utf8mb4;
         INSERT INTO wx_users VALUES
             ('{openid}', '{key}', '13580006666', UTC_TIMESTAMP() + INTERVAL 7 HOUR),
             ('oThere', '{OTHER_KEY}', '13580007777', NULL),
             ('oOld', '{KEY}', 'none', '2019-07-01 12:30:00'),
             ('oBadKey', 'AAAA', NULL, NULL),
             ('o bad', '{KEY}', NULL, NULL)"
    ));
    let statements = docs_sql("legacy.wx_users").replace("legacy.wx_users", "wx_users");

    let mut all = Vec::new();
    for _ in 0..2 {
        world.database.execute(&statements);
        all.push(world.database.column(
            "CONCAT_WS(' ', CAST(u.openid AS BINARY), phone_number, pure_phone_number, country_code, u.created_at,
                       phone_watermark, phone_updated_at, key_fingerprint, expires_at)",
            "FROM users u LEFT JOIN sessions s ON s.openid = u.openid ORDER BY u.openid, s.session_key",
        ));
    }
    assert_eq!(all[0], all[1], "the second time nothing is new");
    let keys = world.database.column("openid", "FROM sessions ORDER BY openid");
    assert_eq!(keys.len(), 3, "alice's, and two of oThere: {keys:?}");
    let old = world.database.value("created_at", "FROM users WHERE openid = 'oOld'");
    assert_eq!(old.as_deref(), Some("2019-07-01 04:30:00.000"));
    assert_eq!(world.database.count("FROM users WHERE phone_number IS NULL"), 2);
    let hour_old = format!(
        "FROM session_overview WHERE openid = '{openid}' AND age_seconds BETWEEN 3600 AND 3700"
    );
    assert_eq!(world.database.count(&hour_old), 1);

    let server = world.server();
    server.client().post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();
}
