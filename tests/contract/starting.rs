//! Starting: the command line, configuration, migrations, the database at start.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{Database, Relay, Server, TemporaryFile, World};

#[test]
fn a_missing_or_malformed_variable_stops_the_start_with_one_line_that_names_it() {
    let world = World::new();
    let file = std::env::temp_dir().join(format!("wxauth-test-secret-{}", std::process::id()));
    std::fs::write(&file, " \n").expect("the temporary directory can be written");
    let empty_file = file.to_str().expect("UTF-8");

    for (name, value, says) in [
        ("DATABASE_URL", "", "DATABASE_URL is not set"),
        ("DATABASE_URL", "postgres://canary@host/name", "DATABASE_URL must be mysql://"),
        ("DATABASE_URL", "mysql://user:canary@host", "DATABASE_URL must be mysql://"),
        ("DATABASE_URL", "mysql://user:canary#x@host/name", "percent-encoded"),
        ("DATABASE_URL", "mysql://user:canary/x@host/name", "percent-encoded"),
        ("DATABASE_URL", "mysql://user:canary?x@host/name", "percent-encoded"),
        ("DATABASE_URL", "mysql://user:1/canary@host/name", "percent-encoded"),
        ("DATABASE_URL", "mysql://user:canary@host:port/name", "DATABASE_URL must be mysql://"),
        ("DATABASE_URL", "mysql://user:canary@host/name?ssl_mode=on", "ssl_mode in DATABASE_URL"),
        ("DATABASE_URL", "mysql://u:canary@127.0.0.1/name?unix_socket=/s", "one of the two"),
        (
            "DATABASE_URL",
            "mysql://u:canary@h/name?ssl_mode=required&unix_socket=/s",
            "one of the two",
        ),
        ("DATABASE_URL", "mysql://u:canary@h/name?ssl_ca=/does/not/exist", "/does/not/exist"),
        ("DATABASE_URL", "mysql://u:canary@h/name?ssl_ca=", "ssl_ca in DATABASE_URL names a file"),
        ("DATABASE_URL", "mysql://u:canary@h/name?ssl_key=/x", "ssl_key in DATABASE_URL"),
        ("WX_APPID", "", "WX_APPID must be"),
        ("WX_APPID", "微信", "WX_APPID must be"),
        ("WX_SECRET", "", "WX_SECRET is not set"),
        ("WX_SECRET", "canary\u{7}", "WX_SECRET must be"),
        ("WX_SECRET_FILE", "/etc/hostname", "both set"),
        ("WX_API_BASE", "ftp://host", "WX_API_BASE must be"),
        ("WX_API_BASE", "https://host?x", "WX_API_BASE must be"),
        ("WX_API_BASE", "https://user:canary@host", "WX_API_BASE must be"),
        ("WX_API_BASE", "https://host, host", "WX_API_BASE must be"),
        ("WX_API_BASE", " , ", "WX_API_BASE must be"),
        ("WX_TIMEOUT_MS", "60000", "WX_TIMEOUT_MS must be"),
        ("WX_TIMEOUT_MS", "fast", "WX_TIMEOUT_MS must be a whole number from 1 to 20000"),
        ("WX_TIMEOUT_MS", "0", "WX_TIMEOUT_MS must be"),
        ("BIND", "8080", "BIND must be an address and a port"),
        ("METRICS_BIND", "9090", "METRICS_BIND must be an address and a port"),
        ("SESSION_TTL_SECONDS", "-1", "SESSION_TTL_SECONDS must be"),
        ("PHONE_DATA_MAX_AGE_SECONDS", "1d", "PHONE_DATA_MAX_AGE_SECONDS must be"),
        ("DATABASE_POOL_SIZE", "0", "DATABASE_POOL_SIZE must be"),
        ("PURGE_INTERVAL_SECONDS", "x", "PURGE_INTERVAL_SECONDS must be"),
        ("WORKERS", "0", "WORKERS must be"),
    ] {
        let server = Server::spawn(&["serve"], &world.variables(), &[(name, value)]);
        let (status, log) = server.wait();
        assert_eq!(status.code(), Some(1), "{name}={value}: {log}");
        assert_eq!(log.lines().count(), 1, "{name}={value}: {log}");
        assert!(log.contains(says), "{name}={value}: {log}");
        assert!(!log.contains("canary"), "{name}={value}: {log}");
    }

    let variables: Vec<_> =
        world.variables().into_iter().filter(|(name, _)| *name != "WX_SECRET").collect();
    for (path, says) in [("/does/not/exist", "cannot be read"), (empty_file, "is empty")] {
        let server = Server::spawn(&["serve"], &variables, &[("WX_SECRET_FILE", path)]);
        let (status, log) = server.wait();
        assert_eq!(status.code(), Some(1));
        assert!(log.contains("WX_SECRET_FILE") && log.contains(says), "{log}");
    }
    std::fs::remove_file(&file).expect("it was written above");
}

#[test]
fn what_is_set_and_does_nothing_is_named_without_its_value() {
    let world = World::new();
    let server = Server::spawn(
        &["serve", "--migrate"],
        &world.variables(),
        &[("SESION_TTL_SECONDS", "canary"), ("trusted_proxies", "canary"), ("SOMEBODYS", "x")],
    );
    server.wait_for_line("listening on ");
    let log = server.log();
    assert!(log.contains("SESION_TTL_SECONDS is set and means nothing here"), "{log}");
    assert!(log.contains("TRUSTED_PROXIES would"), "{log}");
    assert!(!log.contains("SOMEBODYS") && !log.contains("canary"), "{log}");

    let url = world.database.url();
    let (status, log) = migrate_status_with_dotenv(&format!(
        "DATABASE_URL={url}\nA='x$canary'\nWX_SECRET=canary$canary\nB=$A\n"
    ));
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("the value of WX_SECRET loses a $"), "{log}");
    assert_eq!(log.lines().count(), 1, "{log}");
    assert!(!log.contains("canary"), "{log}");

    let (status, log) = migrate_status_with_dotenv("WX_SECRET=\"canary$canary\"\n");
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("between single quotes") && !log.contains("canary"), "{log}");
}

fn migrate_status_with_dotenv(content: &str) -> (ExitStatus, String) {
    let dotenv = TemporaryFile::new(".env", content);
    let output = Command::new(env!("CARGO_BIN_EXE_wxauth"))
        .args(["migrate", "status"])
        .env_clear()
        .current_dir(Path::new(dotenv.path()).parent().expect("a directory of its own"))
        .output()
        .expect("wxauth starts");
    (output.status, String::from_utf8(output.stderr).expect("UTF-8"))
}

#[actix_rt::test]
async fn each_secret_may_come_from_a_file() {
    let world = World::new();
    let directory = std::env::temp_dir();
    let write = |name: &str, text: &str| {
        let path = directory.join(format!("wxauth-test-{name}-{}", std::process::id()));
        std::fs::write(&path, format!("{text}\n")).expect("the temporary directory can be written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let secret = write("wx-secret", world.wechat.secret());
    let url = write("database-url", world.database.url());
    let is_secret = |name: &str| name == "WX_SECRET" || name == "DATABASE_URL";
    let variables: Vec<_> =
        world.variables().into_iter().filter(|(name, _)| !is_secret(name)).collect();

    let server =
        Server::start(&variables, &[("WX_SECRET_FILE", &secret), ("DATABASE_URL_FILE", &url)]);
    let code = world.wechat.login("alice");
    server.client().json("/code2Session", json!({"jsCode": code})).await.assert_ok();

    for path in [secret, url] {
        std::fs::remove_file(path).expect("it was written above");
    }
}

#[actix_rt::test]
async fn a_schema_older_than_the_binary_is_refused_and_a_newer_one_served() {
    let world = World::new();
    let (status, log) = Server::spawn(&["serve"], &world.variables(), &[]).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("wxauth migrate") && log.contains("--migrate"), "{log}");

    for _ in 0..2 {
        let (status, log) = Server::spawn(&["migrate"], &world.variables(), &[]).wait();
        assert!(status.success(), "{log}");
    }
    world
        .database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99990101000000')");
    let server = Server::spawn(&["serve"], &world.variables(), &[]);
    server.wait_for_line("listening on http://");
}

#[test]
fn two_migrations_at_once_both_end_well() {
    for _ in 0..3 {
        let world = World::new();
        let migrating: Vec<_> =
            (0..4).map(|_| Server::spawn(&["migrate"], &world.variables(), &[])).collect();
        for migration in migrating {
            let (status, log) = migration.wait();
            assert!(status.success(), "{log}");
        }
    }
}

/// What `wxauth migrate` holds while it works.
const MIGRATION_LOCK: &str = "CONCAT('wxauth migrate ', LEFT(SHA2(DATABASE(), 256), 16))";

#[test]
fn a_migration_waits_until_the_one_before_it_has_recorded_its_versions() {
    let world = World::new();
    let winner = world.database.lock(MIGRATION_LOCK);
    let loser = Server::spawn(&["migrate"], &world.variables(), &[]);
    loser.wait_for_line("another process is migrating");
    assert_eq!(tables_of(&world.database), Vec::<String>::new());

    let users = include_str!("../../migrations/2026-11-22-100000_create_users/up.sql");
    world.database.execute(users);
    world.database.execute(
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL,
                                                  run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP);
         INSERT INTO __diesel_schema_migrations (version) VALUES ('20261122100000')",
    );
    drop(winner);

    let (status, log) = loser.wait();
    assert!(status.success() && !log.contains("failed"), "{log}");
    assert!(tables_of(&world.database).contains(&"sessions".to_owned()));
}

#[test]
fn a_migration_that_was_killed_leaves_its_work_to_the_one_that_waits() {
    let world = World::new();
    let winner = world.database.lock(MIGRATION_LOCK);
    let loser = Server::spawn(&["migrate"], &world.variables(), &[]);
    loser.wait_for_line("another process is migrating");

    drop(winner);

    let (status, log) = loser.wait();
    assert!(status.success(), "{log}");
    assert!(tables_of(&world.database).contains(&"sessions".to_owned()));
}

#[test]
fn a_migration_that_diesels_cli_runs_at_the_same_moment_ends_well_too() {
    let world = World::new();
    let users = include_str!("../../migrations/2026-11-22-100000_create_users/up.sql");
    world.database.execute(users);
    let migration = Server::spawn(&["migrate"], &world.variables(), &[]);
    migration.wait_for_line("waiting whether another process has run it");

    world
        .database
        .execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('20261122100000')");

    let (status, log) = migration.wait();
    assert!(status.success(), "{log}");
    assert!(tables_of(&world.database).contains(&"sessions".to_owned()));
}

#[test]
fn a_table_that_stands_in_the_way_of_a_migration_is_named_with_what_may_have_happened() {
    let world = World::new();
    world.database.execute("CREATE TABLE users (id INT PRIMARY KEY)");
    let (status, log) = Server::spawn(&["migrate"], &world.variables(), &[]).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("2026-11-22-100000_create_users failed"), "{log}");
    assert!(log.contains("already exists") && log.contains("('20261122100000')"), "{log}");
}

/// As an index cannot be removed twice, the second run says what may have happened to the first.
#[test]
fn a_migration_that_was_killed_before_it_was_recorded_is_told_with_what_to_do() {
    let world = World::new();
    world.run(&["migrate"]).assert_ok();
    world
        .database
        .execute("DELETE FROM __diesel_schema_migrations WHERE version = '20261124220000'");

    let again = world.run(&["migrate"]);

    assert_eq!(again.code, Some(1));
    assert!(again.stderr.contains("index_codes_by_minute failed"), "{}", again.stderr);
    assert!(again.stderr.contains("VALUES ('20261124220000')"), "{}", again.stderr);
}

#[test]
fn whoever_closes_the_pipe_has_read_enough() {
    let world = World::new();
    let (program, mut shell) = (env!("CARGO_BIN_EXE_wxauth"), Command::new("sh"));
    // The status of the first, not that of the pipe.
    let script = format!("{{ {program} migrate; echo $? >&2; }} | true");
    let output = shell
        .args(["-c", &script])
        .env_clear()
        .envs(world.variables())
        .current_dir(std::env::temp_dir())
        .output()
        .expect("there is a shell");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.ends_with("0\n") && !error.contains("panicked"), "{error}");
}

fn tables_of(database: &Database) -> Vec<String> {
    let tables = "FROM information_schema.tables WHERE table_schema = DATABASE()";
    database.column("table_name", tables).into_iter().flatten().collect()
}

#[actix_rt::test]
async fn readiness_tells_a_schema_that_is_not_current() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.get("/readyz").await.assert_ok();

    world.database.execute("DELETE FROM __diesel_schema_migrations LIMIT 1");

    // The database is asked once a second, at most.
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut answer = page.get("/readyz").await;
    while answer.status == 200 && Instant::now() < deadline {
        answer = page.get("/readyz").await;
    }
    answer.assert_error(503, 50300, "database_unavailable", false);
    page.get("/healthz").await.assert_ok();
}

#[test]
fn a_database_that_starts_late_is_waited_for() {
    let world = World::new();
    let relay = Relay::to(world.database.address());
    relay.cut();
    let url = world.database.url_through(&relay.address());
    let server =
        Server::spawn(&["serve", "--migrate"], &world.variables(), &[("DATABASE_URL", &url)]);
    server.wait_for_line("waiting for the database");

    relay.mend();

    server.wait_for_line("listening on http://");
}

#[test]
fn a_wrong_database_password_is_named_without_being_shown() {
    let world = World::new();
    let url = world.database.url().replacen("://wxauth", "://canary_user", 1);
    let server = Server::spawn(&["migrate"], &world.variables(), &[("DATABASE_URL", &url)]);
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("no connection to the database"), "{log}");
    assert!(!log.contains(world.database.password()), "{log}");
}

#[test]
fn a_busy_port_is_named() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let server = Server::spawn(&["serve", "--migrate"], &world.variables(), &[("BIND", &address)]);
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&format!("cannot listen on BIND={address}")), "{log}");
}

#[test]
fn help_and_version_are_there_for_every_command() {
    let database = Database::create();
    let variables = vec![("DATABASE_URL", database.url().to_owned())];
    for arguments in [
        &["--help"][..],
        &["--version"],
        &["serve", "--help"],
        &["migrate", "--help"],
        &["migrate", "status", "--help"],
        &["healthcheck", "--help"],
        &["doctor", "--help"],
    ] {
        let (status, log) = Server::spawn(arguments, &variables, &[]).wait();
        assert!(status.success(), "{arguments:?}: {log}");
    }
    for arguments in [&[][..], &["serve", "--fast"], &["dance"]] {
        let (status, log) = Server::spawn(arguments, &variables, &[]).wait();
        assert_eq!(status.code(), Some(2), "{arguments:?}: {log}");
    }
}
