//! Imports that are stopped, and run again.

use std::fmt::Write as _;

use super::{assert_counts, import, migrated_world};
use crate::harness::{Server, TemporaryFile};

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
