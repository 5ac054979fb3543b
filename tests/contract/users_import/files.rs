//! What a file as a whole may be, and where its rejected rows go.

use std::fmt::Write as _;

use serde_json::Value;

use super::{assert_counts, import, migrated_world};
use crate::harness::{Finished, Server, TemporaryFile};

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
fn rows_behind_a_quote_that_is_not_closed_are_not_lost_without_a_word() {
    let world = migrated_world();
    for (rows, lost) in [
        ("o1,n\no2,\"n\no3,n\no4,n\n", ["o2", "o3", "o4"].as_slice()),
        ("o1,n\no2,\"n\no3,n\no4,\"n\no5,n\n", &["o2", "o3", "o4"]),
        ("o1,n\no2,n\no3,\"n\r\no4,n\r\n", &["o3", "o4"]),
    ] {
        let file = TemporaryFile::new("users.csv", format!("openid,nickname\n{rows}"));
        let summary = import(&world, &file);
        assert_counts(&summary, &[("rejected", 1)]);
        let list = file.read_beside("users.rejected.csv").expect("it was written");
        assert!(list.contains("a quote may be open"), "{list}");
        for openid in lost {
            assert!(list.contains(openid), "{openid}: {list}");
            let stored = world.database.count(&format!("FROM users WHERE openid = '{openid}'"));
            assert_eq!(stored, 0, "{openid}");
        }
        world.database.execute("DELETE FROM users");
    }

    let two_lines = TemporaryFile::new("users.csv", "openid,address\no1,\"one\ntwo\"\no2,x\n");
    assert_counts(&import(&world, &two_lines), &[("imported", 2), ("rejected", 0)]);
}

#[test]
fn a_list_of_rejected_rows_is_needed_where_there_are_some_and_may_go_to_standard_output() {
    let world = migrated_world();
    let import = |arguments: &[&str], rows: &[u8]| {
        let arguments: Vec<_> = ["users", "import", "-"].iter().chain(arguments).copied().collect();
        Finished::of(&arguments, &world.variables(), rows)
    };
    let nowhere = ["--json", "--rejects", "/does/not/exist.csv"];
    let good = import(&nowhere, b"openid\noGood\n");
    assert_counts(&good.assert_ok().json(), &[("imported", 1), ("rejected", 0)]);

    let bad = import(&nowhere, b"openid\no bad\n");
    assert_eq!(bad.code, Some(1), "{}", bad.stderr);
    assert!(bad.stderr.contains("/does/not/exist.csv cannot be written"), "{}", bad.stderr);

    let piped = import(&["--json", "--rejects", "-"], b"openid\no bad\noFine\n");
    piped.assert_ok();
    assert_eq!(piped.stdout.lines().count(), 2, "{}", piped.stdout);
    assert!(piped.stdout.contains("openid is not 1 to 64"), "{}", piped.stdout);
    let summary: Value = serde_json::from_str(&piped.stderr).expect("the summary alone");
    assert_counts(&summary, &[("imported", 1), ("rejected", 1)]);
}

#[test]
fn two_imports_of_one_file_at_once_both_end_well() {
    let world = migrated_world();
    let mut text = String::from("openid\n");
    for number in 0..3_000 {
        writeln!(text, "user{number}").expect("text grows");
    }
    let file = TemporaryFile::new("users.csv", text);
    let start = || Server::spawn(&["users", "import", file.path()], &world.variables(), &[]);
    for import in [start(), start()] {
        let (status, log) = import.wait();
        assert!(status.success(), "{log}");
    }
    assert_eq!(world.database.count("FROM users"), 3_000);
}

#[test]
fn a_file_in_another_encoding_is_refused_by_its_name() {
    let world = migrated_world();
    let text = "openid,昵称\noAlice,微信\n";
    let utf16: Vec<u8> =
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let gbk = b"openid,\xea\xc7\xb3\xc6\noAlice,\xce\xa2\xd0\xc5\n".to_vec();
    for (content, encoding) in [(utf16, "UTF-16"), (gbk, "not UTF-8")] {
        let file = TemporaryFile::new("users.csv", content);
        let done = world.run(&["users", "import", file.path()]);
        assert_eq!(done.code, Some(1), "{}", done.stderr);
        assert!(
            done.stderr.contains(file.path()) && done.stderr.contains(encoding),
            "{}",
            done.stderr
        );
    }
    assert_eq!(world.database.count("FROM users"), 0);
}
