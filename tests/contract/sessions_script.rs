//! `scripts/sessions`: the example of an admin's own script, run as they would.

use std::process::{Command, Output};

use crate::harness::{Account, Database, OptionFile, World};

const KEY: &str = "Y2FuYXJ5LXNlc3Npb24tMQ==";

fn option_file(account: &Account<'_>, database: &Database) -> OptionFile {
    OptionFile::of(&account.name, account.password, database.address())
}

fn run(arguments: &[&str]) -> Output {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/sessions");
    Command::new(script).args(arguments).output().expect("the script runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn it_reports_on_all_keys_and_on_one_users() {
    let world = World::new();
    drop(world.server());
    let database = &world.database;
    for user in ["oAlice", "oBob", "oCarol"] {
        database.insert_login(user, KEY);
    }
    database.execute(
        "UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) - INTERVAL 1 HOUR WHERE openid = 'oBob'",
    );
    let account = Account::create(database, "wxauth_report");
    let file = option_file(&account, database);

    let all = run(&[&file.option(), database.name()]);
    let report = text(&all.stdout);
    assert!(all.status.success(), "{}", text(&all.stderr));
    let counts = report.lines().nth(4).expect("a table has a first row");
    let cells: Vec<&str> = counts.split('|').map(str::trim).collect();
    assert_eq!(cells[1..5], ["3", "3", "2", "1"], "{report}");
    assert!(!report.contains(KEY), "{report}");

    let one = run(&[&file.option(), database.name(), "--openid", "oAlice"]);
    let fingerprint = database
        .value("key_fingerprint", "FROM sessions WHERE openid = 'oAlice'")
        .expect("it is not null");
    assert!(one.status.success(), "{}", text(&one.stderr));
    assert!(text(&one.stdout).contains(&fingerprint), "{}", text(&one.stdout));

    let nobody = run(&[&file.option(), database.name(), "--openid", "oNobody"]);
    assert_eq!(nobody.status.code(), Some(3), "{}", text(&nobody.stderr));
}

#[test]
fn an_empty_database_and_wrong_use_end_in_a_sentence() {
    let world = World::new();
    drop(world.server());
    let account = Account::create(&world.database, "wxauth_report");
    let file = option_file(&account, &world.database);
    let database = world.database.name();

    let empty = run(&[&file.option(), database]);
    assert!(empty.status.success(), "{}", text(&empty.stderr));
    assert!(text(&empty.stdout).contains("(none)"), "{}", text(&empty.stdout));

    for (arguments, code, says) in [
        (vec!["--openid", "x' OR '1'='1"], 2, "--openid takes"),
        (vec!["--openid"], 2, "--openid takes"),
        (vec!["--password=canary"], 2, "option file"),
        (vec!["-pcanary"], 2, "option file"),
        (vec![&file.option(), "no_such_database"], 1, "ERROR"),
    ] {
        let refused = run(&arguments);
        let error = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{arguments:?}: {error}");
        assert!(error.contains(says) && !error.contains("canary"), "{arguments:?}: {error}");
    }

    let help = run(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("Usage:"));
}
