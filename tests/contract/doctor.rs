//! `wxauth doctor` names what keeps logins from working, and shows nothing secret.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;
use wxauth::wechat::{Class, ERRCODES};
use wxauth_sandbox::Fault;

use crate::faults::mariadb::Mariadb;
use crate::harness::{Database, Relay, Server, World, docs_page};

const CHECKS: [&str; 18] = [
    "configuration",
    "database_connection",
    "database_encryption",
    "database_version",
    "database_defaults",
    "database_session",
    "database_limits",
    "database_writer",
    "database_privileges",
    "database_migrations",
    "database_tables",
    "session_keys",
    "database_clock",
    "wechat_transport",
    "wechat_connection",
    "wechat_credentials",
    "wechat_clock",
    "trusted_proxies",
];

#[test]
fn whether_proxies_are_known_is_told() {
    let world = migrated();
    for (variable, state, found) in [
        (("TRUSTED_PROXIES", ""), "warning", "no limit counts by address"),
        (("TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"), "ok", "2 networks"),
        (("BIND", "unix:/run/wxauth/shop.sock"), "ok", "unix socket"),
    ] {
        let advice = if state == "ok" { "" } else { "TRUSTED_PROXIES" };
        assert_finds(&world, &[variable], "trusted_proxies", state, found, advice);
    }
}

#[test]
fn the_documentation_lists_every_check_and_no_other() {
    let page = docs_page("operate");
    let (_, table) = page.split_once("| check | fails where").expect("the table is there");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(','));
    let mut documented: Vec<_> = cells.map(|cell| cell.trim().trim_matches('`')).collect();
    let mut checks = CHECKS;
    documented.sort_unstable();
    checks.sort_unstable();
    assert_eq!(documented, checks);
}

fn doctor(arguments: &[&str], world: &World, variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wxauth"))
        .arg("doctor")
        .args(arguments)
        .env_clear()
        .envs(world.variables())
        .envs(variables.iter().copied())
        .current_dir(std::env::temp_dir())
        .output()
        .expect("wxauth starts")
}

/// The findings of `--json`, after the common rules are checked: every check is there in its
/// order, a failure makes the exit code 1, and neither secret is anywhere.
#[track_caller]
fn findings(world: &World, variables: &[(&str, &str)]) -> Vec<Value> {
    let output = doctor(&["--json"], world, variables);
    let stdout = String::from_utf8(output.stdout).expect("UTF-8");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let findings: Vec<Value> = serde_json::from_str(&stdout).expect(&stdout);
    let checks: Vec<_> = findings.iter().map(|finding| text(finding, "check")).collect();
    assert_eq!(checks, CHECKS);
    let failed = findings.iter().any(|finding| finding["state"] == "failed");
    assert_eq!(output.status.code(), Some(i32::from(failed)), "{stdout}{stderr}");
    for secret in [world.wechat.secret(), world.database.password(), "canary"] {
        assert!(!stdout.contains(secret) && !stderr.contains(secret), "{stdout}{stderr}");
    }
    for finding in &findings {
        let needs_advice = finding["state"] == "failed" || finding["state"] == "warning";
        assert_eq!(finding["advice"].is_string(), needs_advice, "{finding}");
    }
    findings
}

#[track_caller]
fn assert_finds(
    world: &World,
    variables: &[(&str, &str)],
    check: &str,
    state: &str,
    found: &str,
    advice: &str,
) {
    let findings = findings(world, variables);
    let finding = findings.iter().find(|finding| finding["check"] == check).expect(check);
    assert_eq!(finding["state"], state, "{finding}");
    assert!(text(finding, "found").contains(found), "{finding}");
    if !advice.is_empty() {
        assert!(text(finding, "advice").contains(advice), "{finding}");
    }
    // Every other check is well, odd at most, or skipped as it depends on this one.
    let others = findings.iter().filter(|finding| finding["check"] != check);
    for other in others {
        assert_ne!(other["state"], "failed", "{other}");
    }
}

fn text<'a>(finding: &'a Value, field: &str) -> &'a str {
    finding[field].as_str().unwrap_or_else(|| panic!("no {field} in {finding}"))
}

fn migrated() -> World {
    let world = World::new();
    let (status, log) = Server::spawn(&["migrate"], &world.variables(), &[]).wait();
    assert!(status.success(), "{log}");
    world
}

#[test]
fn where_all_is_well_only_the_odd_is_told_and_the_exit_code_is_0() {
    let world = migrated();
    world.database.execute("ALTER DATABASE CHARACTER SET latin1");

    let findings = findings(&world, &[]);
    let odd: Vec<_> = findings.iter().filter(|finding| finding["state"] != "ok").collect();
    let checks: Vec<_> = odd.iter().map(|finding| text(finding, "check")).collect();
    assert_eq!(checks, ["database_defaults", "wechat_transport", "trusted_proxies"], "{odd:?}");
    assert!(odd.iter().all(|finding| finding["state"] == "warning"), "{odd:?}");

    let lines = String::from_utf8(doctor(&[], &world, &[]).stdout).expect("UTF-8");
    assert_eq!(lines.lines().count(), CHECKS.len(), "{lines}");
    for (line, check) in lines.lines().zip(CHECKS) {
        assert!(line.starts_with("ok ") || line.starts_with("warning "), "{line}");
        assert!(line.contains(check), "{line}");
    }
    assert_eq!(world.database.count("FROM users"), 0, "nothing is stored");
}

#[test]
fn every_variable_that_is_missing_or_malformed_is_named_at_once_without_its_value() {
    let world = migrated();
    let wrong = [
        ("WX_APPID", ""),
        ("WX_SECRET_FILE", "/canary"),
        ("WX_SECRET", ""),
        ("BIND", "canary"),
        ("WORKERS", "canary"),
        ("RESPONSE_SHAPE", "canary"),
    ];
    let findings = findings(&world, &wrong);
    for name in ["WX_APPID", "WX_SECRET_FILE", "BIND", "WORKERS", "RESPONSE_SHAPE"] {
        assert!(text(&findings[0], "found").contains(name), "{}", findings[0]);
    }
    assert_eq!(findings[1]["state"], "ok", "the database is examined all the same");
    assert_eq!(findings[14]["state"], "skipped");
}

#[test]
fn a_variable_that_is_set_and_does_nothing_is_named() {
    let world = migrated();
    let misspelt = ("WX_TIMEOUT_M", "canary");
    assert_finds(&world, &[misspelt], "configuration", "warning", "WX_TIMEOUT_MS would", "correct");
    let without = [("WX_APPID", ""), ("WX_APP_ID", "canary")];
    assert_finds(&world, &without, "configuration", "failed", "WX_APPID would", "set them");
}

#[test]
fn a_database_that_cannot_be_used_is_told_by_its_cause() {
    let world = migrated();
    let url = world.database.url().to_owned();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let silent = silent.local_addr().expect("bound").to_string();
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound").to_string()
    };
    for (url, found, advice) in [
        (world.database.url_as("wxauth", "canary"), "refuses this user or password", "password"),
        (format!("{url}_not"), "no database of the name", "CREATE DATABASE"),
        (world.database.url_through(&nobody), "cannot be reached", "host and port"),
        (world.database.url_through(&silent), "does not answer", "host and port"),
    ] {
        let variables = [("DATABASE_URL", url.as_str())];
        assert_finds(&world, &variables, "database_connection", "failed", found, advice);
    }
    let relay = Relay::to(world.database.address());
    relay.cut();
    let url = world.database.url_through(&relay.address());
    let findings = findings(&world, &[("DATABASE_URL", &url)]);
    assert_eq!(findings[1]["state"], "failed");
}

#[test]
fn a_missing_migration_is_told_with_the_command_that_helps() {
    let world = World::new();
    let check = "database_migrations";
    assert_finds(&world, &[], check, "failed", "migrations of this binary", "wxauth migrate");

    let world = migrated();
    world.database.execute("DELETE FROM __diesel_schema_migrations LIMIT 1");
    assert_finds(&world, &[], check, "failed", "lacks 1 migrations", "wxauth migrate");
}

#[test]
fn tables_that_are_not_as_migrations_make_them_are_told() {
    for (statement, state, found) in [
        ("DROP TABLE key_ages", "failed", "key_ages is missing"),
        ("ALTER TABLE key_ages ENGINE = MyISAM", "failed", "key_ages is MyISAM"),
        (
            "ALTER TABLE users MODIFY openid VARCHAR(64) CHARACTER SET utf8mb4 NOT NULL",
            "failed",
            "users.openid is utf8mb4",
        ),
        ("ALTER TABLE users DEFAULT CHARACTER SET latin1", "warning", "users is latin1"),
        ("ALTER TABLE users DROP KEY users_openid", "failed", "users has no unique key (openid)"),
        (
            "ALTER TABLE sessions DROP PRIMARY KEY, ADD UNIQUE (openid(8), key_fingerprint)",
            "failed",
            "sessions has no unique key (openid, key_fingerprint)",
        ),
        (
            "CREATE TABLE copies AS SELECT * FROM further_codes; DROP TABLE further_codes;
            RENAME TABLE copies TO further_codes",
            "failed",
            "further_codes has no unique key (code_hash)",
        ),
    ] {
        let world = migrated();
        for statement in statement.split(';') {
            world.database.execute(statement);
        }
        assert_finds(&world, &[], "database_tables", state, found, "");
    }
}

#[test]
fn privileges_that_the_server_needs_and_those_that_only_migrations_need_are_told_apart() {
    let world = migrated();
    let database = world.database.url().rsplit_once('/').expect("the URL names it").1;
    let account = format!("doctor_{}", database.trim_start_matches("wxauth_test_"));
    let url = world.database.url_as(&account, "canary");
    let variables = [("DATABASE_URL", url.as_str())];
    let check = "database_privileges";
    world.database.execute(&format!("CREATE USER {account} IDENTIFIED BY 'canary'"));

    let connection = "database_connection";
    assert_finds(&world, &variables, connection, "failed", "may not use the database", "GRANT");

    let grant = |privileges: &str| {
        world.database.execute(&format!("GRANT {privileges} ON {database}.* TO {account}"));
    };
    grant("SELECT, INSERT, UPDATE");
    assert_finds(&world, &variables, check, "failed", "lacks DELETE on further_codes", "GRANT");
    grant("DELETE");
    let lacks = "lacks CREATE, ALTER, DROP, INDEX, CREATE VIEW, SHOW VIEW";
    assert_finds(&world, &variables, check, "warning", lacks, "wxauth migrate");
    grant("CREATE, ALTER, DROP, INDEX, CREATE VIEW, SHOW VIEW");
    assert_finds(&world, &variables, check, "ok", "may serve and migrate", "");

    world.database.execute(&format!("DROP USER {account}"));
}

#[test]
fn a_session_that_a_proxy_meddles_with_is_told() {
    let world = migrated();
    let relay = Relay::rewriting(world.database.address(), "autocommit = 1", "autocommit = 0");
    let url = world.database.url_through(&relay.address());
    let variables = [("DATABASE_URL", url.as_str())];
    let found = "autocommit is OFF, not ON";
    assert_finds(&world, &variables, "database_session", "failed", found, "proxy");
    let relay = Relay::rewriting(world.database.address(), "REPEATABLE READ", "READ COMMITTED ");
    let url = world.database.url_through(&relay.address());
    let variables = [("DATABASE_URL", url.as_str())];
    let found = "is READ-COMMITTED, not REPEATABLE-READ";
    assert_finds(&world, &variables, "database_session", "failed", found, "proxy");
}

#[test]
fn limits_that_are_too_low_and_a_server_that_does_not_write_are_told() {
    let options = ["--max-connections=20", "--max-prepared-stmt-count=500", "--read-only"];
    let mariadb = Mariadb::start(&options);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    world.run(&["migrate"]).assert_ok();

    let (limits, raise) = ("database_limits", "raise max_connections");
    let pool_of = |size: &'static str| [("DATABASE_POOL_SIZE", size)];
    assert_finds(&world, &pool_of("20"), limits, "failed", "takes up to 20 and some 1600", raise);
    assert_finds(&world, &pool_of("11"), limits, "warning", "of 20 in use", raise);
    let raise = "raise max_prepared_stmt_count";
    assert_finds(&world, &pool_of("6"), limits, "warning", "so that 1 fit", raise);
    assert_finds(&world, &pool_of("2"), limits, "ok", "so that 3 fit", "");
    let writer = "database_writer";
    assert_finds(&world, &pool_of("2"), writer, "warning", "read_only is on", "the primary");
    let found = "not encrypted, and on this machine";
    assert_finds(&world, &pool_of("2"), "database_encryption", "ok", found, "");
}

#[test]
fn appid_and_secret_that_wechat_does_not_accept_are_told_apart() {
    let world = migrated();
    let check = "wechat_credentials";
    let wrong = [("WX_APPID", "wxcanary")];
    assert_finds(&world, &wrong, check, "failed", "no mini-program of this appid", "WX_APPID");
    let wrong = [("WX_SECRET", "canary")];
    assert_finds(&world, &wrong, check, "failed", "secret is not this appid's", "WX_SECRET");
    assert_finds(&world, &[], check, "ok", "accepts appid and secret", "");
}

#[test]
fn every_errcode_is_told_with_its_meaning_and_what_to_do() {
    let world = migrated();
    let check = "wechat_credentials";
    for row in &ERRCODES {
        let (state, advice) = match row.class {
            Class::Code | Class::User => ("ok", ""),
            Class::Operator | Class::Quota => ("failed", row.advice),
            Class::Unusable => ("warning", row.advice),
            Class::Rate | Class::Busy => ("warning", "run this again in a minute"),
        };
        let found = if state == "ok" { "accepts appid and secret" } else { row.meaning };
        let errcode = row.name.parse().expect("a number");
        world.wechat.fail_next(Fault::Errcode(errcode), 1);
        assert_finds(&world, &[], check, state, found, advice);
    }
    world.wechat.fail_next(Fault::Errcode(40164), 1);
    assert_finds(&world, &[], check, "failed", "WeChat saw 203.0.113.7", "allow-list");
    world.wechat.fail_next(Fault::Errcode(99999), 1);
    assert_finds(&world, &[], check, "warning", "99999", "look the errcode up");
}

#[test]
fn a_wechat_that_is_not_there_is_told() {
    let world = migrated();
    let check = "wechat_connection";
    for (fault, found) in [
        (Fault::Hang, "in time"),
        (Fault::Html, "not the JSON"),
        (Fault::ServerError, "does not answer as WeChat does"),
    ] {
        world.wechat.fail_next(fault, 1);
        let variables = [("WX_TIMEOUT_MS", "1000")];
        assert_finds(&world, &variables, check, "failed", found, "WX_API_BASE");
        world.wechat.clear_faults();
    }
    let base = world.wechat.base_url();
    world.wechat.stop();
    assert_finds(&world, &[], check, "failed", &format!("{base} cannot be reached"), "WX_API_BASE");
    let proxy = [("https_proxy", "http://canary:3128")];
    assert_finds(&world, &proxy, check, "failed", "cannot be reached", "https_proxy is not read");
}

#[test]
fn a_host_that_is_not_there_is_told_where_another_one_answers() {
    let world = migrated();
    let bases = format!("http://127.0.0.9:9,{}", world.wechat.base_url());
    let variables = [("WX_API_BASE", bases.as_str())];
    let found = "http://127.0.0.9:9 cannot be reached";
    assert_finds(&world, &variables, "wechat_connection", "warning", found, "WX_API_BASE");
    assert_finds(&world, &variables, "wechat_credentials", "ok", "accepts appid and secret", "");
}

#[test]
fn a_clock_that_is_minutes_from_wechats_is_told() {
    let world = migrated();
    for (date, found) in [
        ("Sat, 01 Jan 2000 00:00:00 GMT", "behind ours"),
        ("Fri, 01 Jan 2100 00:00:00 GMT", "ahead of ours"),
    ] {
        let base = answering_once(&format!(
            "HTTP/1.1 200 OK\r\nDate: {date}\r\nContent-Length: 17\r\n\r\n{{\"errcode\":40029}}"
        ));
        let variables = [("WX_API_BASE", base.as_str())];
        assert_finds(&world, &variables, "wechat_clock", "failed", found, "NTP");
    }
}

fn answering_once(answer: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    let answer = answer.to_owned();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("doctor connects");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request);
        stream.write_all(answer.as_bytes()).expect("doctor listens");
    });
    base
}
