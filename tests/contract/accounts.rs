//! The accounts that the docs set up: each can do its work, and nothing else.

use crate::harness::{Account, Database, Server, World};

fn migrate_as(world: &World, account: &Account<'_>) {
    let url = account.url();
    let migration = Server::spawn(&["migrate"], &world.variables(), &[("DATABASE_URL", &url)]);
    let (status, log) = migration.wait();
    assert!(status.success(), "{log}");
}

#[track_caller]
fn assert_denied(account: &Account<'_>, statement: &str) {
    let error = account.run(statement).expect_err(statement);
    assert!(error.contains("denied"), "{statement}: {error}");
}

#[actix_rt::test]
async fn one_account_migrates_and_one_without_a_right_to_the_schema_serves() {
    let world = World::new();
    let migrating = Account::create(&world.database, "wxauth_migrate");
    let serving = Account::create(&world.database, "wxauth_serve");
    migrate_as(&world, &migrating);

    let url = serving.url();
    let server = Server::spawn(&["serve"], &world.variables(), &[("DATABASE_URL", &url)]);
    let line = server.wait_for_line("listening on http://");
    let page = server.client_at(&line);
    let openid = page.log_in(&world, "alice").await;
    page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();

    for statement in [
        "ALTER TABLE users ADD COLUMN extra INT",
        "DROP TABLE users",
        "CREATE TABLE extra (id INT)",
    ] {
        assert_denied(&serving, statement);
    }
}

#[actix_rt::test]
async fn an_account_of_a_view_can_read_the_view_and_nothing_else() {
    let world = World::new();
    world.server().client().log_in(&world, "alice").await;

    for (name, view, others) in [
        ("wxauth_report", "session_overview", ["users", "sessions", "user_overview"]),
        ("wxauth_backend", "user_overview", ["users", "sessions", "session_overview"]),
    ] {
        let account = Account::create(&world.database, name);
        account.run(&format!("SELECT * FROM {view}")).expect("it may read the view");

        for other in others {
            assert_denied(&account, &format!("SELECT * FROM {other}"));
        }
        for table in tables(&world.database) {
            assert_denied(&account, &format!("SELECT 1 FROM {table}"));
        }
        for statement in [
            format!("SHOW CREATE VIEW {view}"),
            format!("UPDATE {view} SET openid = 'x'"),
            format!("DELETE FROM {view}"),
            format!("DROP VIEW {view}"),
            "CREATE TABLE extra (id INT)".to_owned(),
        ] {
            assert_denied(&account, &statement);
        }
    }
}

#[test]
fn a_view_whose_definer_is_gone_is_mended_as_the_docs_say() {
    let world = World::new();
    let migrating = Account::create(&world.database, "wxauth_migrate");
    migrate_as(&world, &migrating);
    drop(migrating);
    let reading = Account::create(&world.database, "wxauth_report");
    let error = reading.run("SELECT * FROM session_overview").expect_err("the definer is gone");
    // MariaDB's words, and MySQL's.
    assert!(error.contains("denied") || error.contains("definer"), "{error}");

    let successor = Account::create(&world.database, "wxauth_migrate");
    let up = include_str!("../../migrations/2026-11-24-090000_create_session_overview/up.sql");
    successor.run(up).expect("the account that migrates may create the view");

    reading.run("SELECT * FROM session_overview").expect("it may read the view");
}

fn tables(database: &Database) -> Vec<String> {
    let tables = "FROM information_schema.tables
                  WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'";
    let names: Vec<_> = database.column("table_name", tables).into_iter().flatten().collect();
    assert!(names.len() >= 5, "{names:?}");
    names
}
