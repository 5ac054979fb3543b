//! `wxauth users import`: taking users over from an older server.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::harness::{Finished, Server, TemporaryFile, World, readme_sql};

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
fn every_value_is_stored_as_a_login_and_an_authorisation_would() {
    let world = migrated_world();
    let file = TemporaryFile::new(
        "users.csv",
        format!(
            "created_time,phoneNumber,nickname,OpenID,Country Code,session_key\n\
             2019-07-01 12:30:00,13580006666,\"A, or B\",oOld,,{KEY}\n\
             ,+8613580006666,,oPlus,,\n\
             ,12345678,,oForeign,852,{KEY}\n\
             ,+85212345678,,oForeignPlus,+852,NULL\n\
             \\N,NULL,null,oBare,86,\\N\n"
        ),
    );
    let done = world.run(&["users", "import", file.path(), "--json", "--utc-offset", "+08:00"]);
    assert!(done.stderr.contains("not imported: nickname"), "{}", done.stderr);
    let summary = done.assert_ok().json();
    assert_counts(
        &summary,
        &[("read", 5), ("imported", 5), ("users", 5), ("keys", 1), ("expired_keys", 1)],
    );
    assert_eq!(summary["rejects"], Value::Null);
    assert_eq!(file.read_beside("users.rejected.csv"), None, "an empty list does not stay");

    let of = |expression: &str, openid: &str| {
        world.database.value(expression, &format!("FROM users WHERE openid = '{openid}'"))
    };
    let phone = "CONCAT_WS(' ', phone_number, pure_phone_number, country_code)";
    for (openid, expected) in [
        ("oOld", "13580006666 13580006666 86"),
        ("oPlus", "13580006666 13580006666 86"),
        ("oForeign", "+85212345678 12345678 852"),
        ("oForeignPlus", "+85212345678 12345678 852"),
        ("oBare", ""),
    ] {
        assert_eq!(of(phone, openid).as_deref(), Some(expected), "{openid}");
    }
    for column in ["created_at", "phone_watermark", "phone_updated_at"] {
        let time = of(column, "oOld");
        assert_eq!(time.as_deref(), Some("2019-07-01 04:30:00.000"), "{column}");
    }
    assert_eq!(
        of("created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR", "oPlus").as_deref(),
        Some("1")
    );
    assert_eq!(of("phone_updated_at IS NULL", "oBare").as_deref(), Some("1"));
    let key = world.database.value(
        "CONCAT_WS(' ', openid, session_key, CAST(key_fingerprint AS BINARY) = LEFT(SHA2(FROM_BASE64(session_key), 256), 16),
                   HEX(code_hash), TIMESTAMPDIFF(SECOND, issued_at, expires_at), first_seen_at = issued_at)",
        "FROM sessions",
    );
    let zeros = "0".repeat(64);
    assert_eq!(key, Some(format!("oForeign {KEY} 1 {zeros} 259200 1")));
}

#[test]
fn every_bad_row_is_rejected_with_its_line_and_reason_and_the_others_go_in() {
    let world = migrated_world();
    let long = "o".repeat(65);
    let cases = [
        (",,,,", "openid is missing"),
        ("undefined,,,,", "openid is missing"),
        ("o b,,,,", "openid is not"),
        (&format!("{long},,,,"), "openid is not"),
        ("微信,,,,", "openid is not"),
        ("bad1,AAAA,,,", "session_key is not 16 bytes"),
        ("bad2,Y2FuYXJ5LXNlc3Npb24tMQ,,,", "session_key is not 16 bytes"),
        ("bad3,*,,,", "session_key is not 16 bytes"),
        ("bad4,,1358000666,,", "phone is not 11 digits"),
        ("bad5,,23580006666,,", "phone is not 11 digits"),
        ("bad6,,135****6666,,", "phone is not 11 digits"),
        ("bad7,,+85212345678,,", "country_code is missing"),
        ("bad8,,+85212345678,853,", "another country_code"),
        ("bad9,,123,852,", "phone is not 4 to 15 digits"),
        ("bad10,,12345678,HK,", "country_code is not"),
        ("bad11,,,,yesterday", "created_at is not a time"),
        ("bad12,,,,0000-00-00 00:00:00", "created_at is not a time"),
        ("bad13,,,,1970-01-01 00:00:00", "created_at is before"),
        ("bad14,,,,2999-01-01 00:00:00", "created_at is in the future"),
        ("good,,13580007777,,", "an earlier row gives this openid another phone"),
        ("bad15,,", "more or fewer fields"),
        ("bad16,,,,,", "more or fewer fields"),
        ("\"bad17\nbad18\",,,,", "a quote may be open"),
    ];
    let mut text = String::from("openid,session_key,phone,country_code,created_at\n");
    text.push_str("good,,13580006666,,\n");
    for (row, _) in &cases {
        writeln!(text, "{row}").expect("text grows");
    }
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"bad19,,\xff,,\n");
    bytes.extend_from_slice(b"last,,,,\n");
    let file = TemporaryFile::new("users.csv", bytes);

    let summary = import(&world, &file);

    let rejected = cases.len() as u64 + 1;
    assert_counts(&summary, &[("imported", 2), ("rejected", rejected), ("users", 2)]);
    assert_eq!(world.database.column("openid", "FROM users ORDER BY id").len(), 2);
    let name = "users.rejected.csv";
    assert_eq!(summary["rejects"], json!(file.beside(name)));
    let mode = std::fs::metadata(file.beside(name)).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "it holds keys and phones");

    let list = std::fs::read(file.beside(name)).expect("it was written");
    let list = String::from_utf8_lossy(&list);
    let mut lines = list.lines();
    assert_eq!(lines.next(), Some("line,reason,openid,session_key,phone,country_code,created_at"));
    for (number, (row, reason)) in cases.iter().enumerate() {
        let line = lines.next().expect("one line a row");
        // The first line is the header's, the second the good row's.
        let (count, rest) = line.split_once(',').expect("the line's number");
        assert_eq!(count, (number + 3).to_string(), "{row}");
        assert!(rest.contains(reason), "{row}: {rest}");
        let first = row.split('\n').next().unwrap_or(row);
        assert!(rest.ends_with(first) || rest.contains(first), "{row}: {rest}");
        if row.contains('\n') {
            lines.next();
        }
    }
    assert!(lines.next().is_some_and(|line| line.contains("not UTF-8")), "{list}");
    assert_eq!(lines.next(), None);
}

#[test]
fn a_corrected_list_of_rejected_rows_can_be_imported() {
    let world = migrated_world();
    let file = TemporaryFile::new("users.csv", "openid,phone\noAlice,1358\n");
    assert_counts(&import(&world, &file), &[("rejected", 1), ("imported", 0)]);
    let list = file.beside("users.rejected.csv");
    let corrected = std::fs::read_to_string(&list).expect("it was written");
    std::fs::write(&list, corrected.replace(",1358\n", ",13580006666\n")).expect("it is ours");

    let list = list.to_str().expect("UTF-8");
    let done = world.run(&["users", "import", list, "--json"]);

    assert_counts(&done.assert_ok().json(), &[("imported", 1), ("rejected", 0)]);
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
            "CONCAT_WS(' ', u.openid, id, phone_number, u.created_at, u.updated_at, phone_updated_at, s.session_key,
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
fn files_come_in_many_forms() {
    let world = migrated_world();
    for (name, content, openid) in [
        ("a mark before the first name", "\u{feff}openid,phone\noMark,13580006666\n", "oMark"),
        ("CRLF", "openid,phone\r\noCrlf,13580006666\r\n", "oCrlf"),
        ("quotes", "\"openid\",\"phone\"\n\"oQuoted\",\"13580006666\"\n", "oQuoted"),
        ("spaces", "openid , phone\noSpace , 13580006666 \n", "oSpace"),
        ("no line break at the end", "phone,openid\n13580006666,oEnd", "oEnd"),
        ("blank lines", "phone,openid\n\n13580006666,oBlank\n\n", "oBlank"),
    ] {
        let file = TemporaryFile::new("users.csv", content);
        assert_counts(&import(&world, &file), &[("read", 1), ("imported", 1)]);
        let user = format!("FROM users WHERE openid = '{openid}'");
        let phone = world.database.value("phone_number", &user);
        assert_eq!(phone.as_deref(), Some("13580006666"), "{name}");
    }

    let rows = b"openid\noStdin\n,\n";
    let rejects = TemporaryFile::new("rejects.csv", "");
    let arguments = ["users", "import", "-", "--json", "--rejects", rejects.path()];
    let done = Finished::of(&arguments, &world.variables(), rows);
    assert_counts(&done.assert_ok().json(), &[("read", 2), ("imported", 1), ("rejected", 1)]);

    let header_only = TemporaryFile::new("users.csv", "openid,phone\n");
    assert_counts(&import(&world, &header_only), &[("read", 0)]);
}

#[test]
fn times_come_in_many_forms() {
    let world = migrated_world();
    let times = [
        "2019-07-01 04:30:00",
        "2019-07-01 04:30:00.000",
        "2019-07-01T04:30:00Z",
        "2019-07-01T12:30:00+08:00",
        "2019/7/1 4:30",
        "1561955400",
        "1561955400000",
    ];
    let mut text = String::from("openid,created\n");
    for (number, time) in times.iter().enumerate() {
        writeln!(text, "user{number},{time}").expect("text grows");
    }

    assert_counts(&import(&world, &TemporaryFile::new("users.csv", text)), &[("rejected", 0)]);

    let stored = world.database.column("created_at", "FROM users");
    assert_eq!(stored, vec![Some("2019-07-01 04:30:00.000".to_owned()); times.len()]);
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
        (vec![good.path(), "--rejects", "/does/not/exist.csv"], 1, "cannot be written"),
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

/// As many rows as take a few seconds, each with a user, a phone and a key.
fn large_file(rows: u32) -> TemporaryFile {
    let mut text = String::from("openid,session_key,phone\n");
    for number in 0..rows {
        // 21 digits of base64 are any, the last one ends 16 bytes.
        writeln!(text, "user{number},{number:021}A==,138{number:08}").expect("text grows");
    }
    TemporaryFile::new("users.csv", text)
}

#[test]
fn killed_and_run_again_every_row_is_there_once() {
    const ROWS: u32 = 25_000;
    let world = migrated_world();
    let file = large_file(ROWS);

    for line in ["10000 rows read", "20000 rows read"] {
        let running = Server::spawn(&["users", "import", file.path()], &world.variables(), &[]);
        running.wait_for_line(line);
        running.signal("KILL");
        let _ = running.wait();
        assert!(world.database.count("FROM users") >= 10_000, "what was reported is stored");
    }
    let summary = import(&world, &file);

    assert_eq!(summary["complete"], true);
    assert_counts(&summary, &[("read", u64::from(ROWS)), ("rejected", 0)]);
    let rows = u64::from(ROWS);
    assert_eq!(world.database.count("FROM users WHERE phone_number IS NOT NULL"), rows);
    assert_eq!(world.database.count("FROM sessions"), rows);
    let ids = world.database.value("COUNT(DISTINCT id)", "FROM users");
    assert_eq!(ids, Some(ROWS.to_string()));
    assert_counts(&import(&world, &file), &[("already_there", rows), ("imported", 0)]);
}

#[test]
fn ctrl_c_stops_between_batches_and_says_how_to_go_on() {
    let world = migrated_world();
    // More than it can read before the signal comes: it never ends by itself.
    let pipe = TemporaryFile::new("unused", "");
    let path = pipe.beside("endless.csv");
    let made = std::process::Command::new("mkfifo").arg(&path).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let path_text = path.to_str().expect("UTF-8").to_owned();
    let writing = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut pipe = std::fs::OpenOptions::new().write(true).open(path).expect("it is read");
        let _ = pipe.write_all(b"openid\n");
        let mut number = 0_u64;
        while writeln!(pipe, "user{number}").is_ok() {
            number += 1;
        }
    });

    let running = Server::spawn(&["users", "import", &path_text], &world.variables(), &[]);
    running.wait_for_line("10000 rows read");
    running.signal("INT");
    let (status, log) = running.wait();

    writing.join().expect("the writer ends when nobody reads");
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("run the same command again to go on"), "{log}");
    let stored = world.database.count("FROM users");
    assert!(stored >= 10_000 && stored.is_multiple_of(500), "whole batches: {stored}");
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
async fn the_sql_of_the_readme_takes_over_an_old_table() {
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
    let statements = readme_sql("legacy.wx_users").replace("legacy.wx_users", "wx_users");

    let mut all = Vec::new();
    for _ in 0..2 {
        world.database.execute(&statements);
        all.push(world.database.column(
            "CONCAT_WS(' ', u.openid, phone_number, pure_phone_number, country_code, u.created_at,
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
