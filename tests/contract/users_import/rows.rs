//! What may stand in a row, and what becomes of it.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::{KEY, assert_counts, import, migrated_world};
use crate::harness::{TemporaryFile, fingerprint};

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
        "CONCAT_WS(' ', CAST(openid AS BINARY), CAST(key_fingerprint AS BINARY), HEX(code_hash), TIMESTAMPDIFF(SECOND, issued_at, expires_at), first_seen_at = issued_at)",
        "FROM sessions",
    );
    let zeros = "0".repeat(64);
    assert_eq!(key, Some(format!("oForeign {} {zeros} 259200 1", fingerprint(KEY))));
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
        ("bad12,,,,7/1/2019", "created_at is not a time"),
        ("bad13,,,,1990-01-01 00:00:00", "created_at is before"),
        ("bad14,,,,2999-01-01 00:00:00", "created_at is in the future"),
        ("good,,13580007777,,", "an earlier row gives this openid another phone"),
        ("bad20,,1.358E+10,,", "has rounded the number"),
        ("bad24,,1.3580006666E+9,,", "has rounded the number"),
        ("bad25,,85212345678,852,", "begins with its country_code or only looks so"),
        ("bad26,,447911123456,44,", "begins with its country_code or only looks so"),
        ("bad27,,07911123456,44,", "phone begins with 0"),
        ("bad28,,tel:nobody,,", "phone is not 11 digits"),
        ("bad21,,12345678,0,", "country_code is not"),
        ("bad22,,12345678,000,", "country_code is not"),
        ("bad23,,12345678,00000,", "country_code is not"),
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
fn times_come_in_many_forms() {
    let world = migrated_world();
    let times = [
        "2019-07-01 04:30:00",
        "2019-07-01 04:30:00.000",
        "2019-07-01T04:30:00Z",
        "2019-07-01T12:30:00+08:00",
        "2019/7/1 4:30",
        "2019.7.1 4:30",
        "2019年7月1日 4:30",
        "20190701043000",
        "2019-07-01T12:30:00+0800",
        "2019-07-01 12:30:00 +0800",
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
fn numbers_come_as_spreadsheets_and_old_tables_write_them() {
    let world = migrated_world();
    let mainland = "13580006666 13580006666 86";
    let foreign = "+85212345678 12345678 852";
    let cases = [
        ("13580006666", "0086", mainland),
        ("13580006666", "086", mainland),
        ("13580006666", "86.0", mainland),
        ("13580006666", "＋８６", mainland),
        ("13580006666.0", "", mainland),
        ("8613580006666", "", mainland),
        ("8613580006666", "86", mainland),
        ("008613580006666", "", mainland),
        ("008613580006666", "0086", mainland),
        ("+86 135-8000-6666", "", mainland),
        ("135 8000 6666", "", mainland),
        ("(135)80006666", "", mainland),
        ("１３５８０００６６６６", "", mainland),
        ("1.3580006666E+10", "", mainland),
        ("1.3580006666e10", "86", mainland),
        ("+86 (0)135 8000 6666", "", mainland),
        ("+852(0)12345678", "852", foreign),
        ("\t13580006666", "", mainland),
        ("'13580006666", "", mainland),
        ("\"=\"\"13580006666\"\"\"", "", mainland),
        ("12345678", "00852", foreign),
        ("85212345", "852", "+85285212345 85212345 852"),
        ("0085212345678", "852", foreign),
        ("+852 1234 5678", "0852", foreign),
    ];
    let mut text = String::from("openid,phone,country_code\n");
    for (number, (phone, code, _)) in cases.iter().enumerate() {
        writeln!(text, "user{number},{phone},{code}").expect("text grows");
    }

    assert_counts(&import(&world, &TemporaryFile::new("users.csv", text)), &[("rejected", 0)]);

    for (number, (phone, code, expected)) in cases.iter().enumerate() {
        let user = format!("FROM users WHERE openid = 'user{number}'");
        let columns = "CONCAT_WS(' ', phone_number, pure_phone_number, country_code)";
        let stored = world.database.value(columns, &user);
        assert_eq!(stored.as_deref(), Some(*expected), "{phone} and {code}");
    }
}

#[test]
fn no_date_is_no_reason_to_lose_a_user() {
    let world = migrated_world();
    let dates = [
        "0000-00-00 00:00:00",
        "0000-00-00",
        "0",
        "1970-01-01 00:00:00",
        "0000-00-00T00:00:00Z",
        "NONE",
        "(null)",
        "NaT",
        "n/a",
        "-",
        "无",
    ];
    let mut text = String::from("openid,phone,created_at\n");
    for (number, date) in dates.iter().enumerate() {
        writeln!(text, "user{number},13580006666,{date}").expect("text grows");
    }

    let summary = import(&world, &TemporaryFile::new("users.csv", text));

    assert_counts(&summary, &[("imported", dates.len() as u64), ("rejected", 0)]);
    let recent = "FROM users WHERE created_at > UTC_TIMESTAMP(3) - INTERVAL 1 HOUR";
    assert_eq!(world.database.count(recent), dates.len() as u64);
}

#[test]
fn no_number_is_no_reason_to_lose_a_user() {
    let world = migrated_world();
    let numbers = ["none", "None", "NULL", "(NULL)", "<null>", "N/A", "-", "--", "0", "000", "无"];
    let mut text = String::from("openid,phone\n");
    for (number, phone) in numbers.iter().enumerate() {
        writeln!(text, "user{number},{phone}").expect("text grows");
    }

    let summary = import(&world, &TemporaryFile::new("users.csv", text));

    assert_counts(&summary, &[("imported", numbers.len() as u64), ("rejected", 0)]);
    assert_eq!(world.database.count("FROM users WHERE phone_number IS NOT NULL"), 0);
}

#[test]
fn an_offset_is_what_people_write_for_it() {
    let world = migrated_world();
    let file = TemporaryFile::new("users.csv", "openid,created_at\noAlice,2019-07-01 12:30:00\n");
    for (offset, stored) in [
        ("+8", "04:30"),
        ("+08", "04:30"),
        ("+0800", "04:30"),
        ("+08:00", "04:30"),
        ("-05:30", "18:00"),
        ("+00:00", "12:30"),
    ] {
        let done = world.run(&["users", "import", file.path(), "--utc-offset", offset]);
        done.assert_ok();
        let created_at = world.database.value("created_at", "FROM users").unwrap_or_default();
        assert_eq!(created_at, format!("2019-07-01 {stored}:00.000"), "{offset}");
        world.database.execute("DELETE FROM users");
    }
    for offset in ["08:00", "Asia/Shanghai", "+24:00", "+8:60", "+", "", "+800", "+八", "+0x:00"] {
        let done = world.run(&["users", "import", file.path(), "--utc-offset", offset]);
        assert_eq!(done.code, Some(2), "{offset}: {}", done.stderr);
        assert!(done.stderr.contains("written like +08:00"), "{offset}: {}", done.stderr);
    }
}
