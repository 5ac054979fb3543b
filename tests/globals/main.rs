//! Whatever an operator has set for the whole server: what was answered is done.
//!
//! A program of its own, as cargo runs one after the other, and nothing else may use the server
//! meanwhile.

// A test that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
// The rules of clippy.toml are for the rooms of src.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unused_imports, reason = "the contract's tests use the rest")]
#[path = "../contract/harness/mod.rs"]
mod harness;
mod skipped;

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use wxauth_sandbox::PhoneOptions;

use crate::harness::{TemporaryFile, World};
use crate::skipped::private_server;

/// Each with what it does to those who do not mind it. Add what a server of yours has.
const ODD: &[(&str, &str)] = &[
    ("autocommit = 0", "nothing is ever committed"),
    ("character_set_server = 'latin1'", "new tables have it"),
    ("completion_type = 'CHAIN'", "after a commit all is in one more transaction"),
    ("completion_type = 'RELEASE'", "each commit closes the connection"),
    ("default_storage_engine = 'MyISAM'", "new tables have no transactions"),
    ("explicit_defaults_for_timestamp = 0", "timestamps change by themselves"),
    ("innodb_lock_wait_timeout = 3600", "rows are waited for an hour"),
    ("lc_messages = 'de_DE'", "messages cannot be read"),
    ("lc_messages = 'zh_CN'", "messages cannot be read"),
    ("lock_wait_timeout = 31536000", "tables are waited for a year"),
    ("max_join_size = 1", "joins are refused"),
    ("max_statement_time = 0.0001", "statements end early"),
    ("sql_auto_is_null = 1", "IS NULL finds what was inserted last"),
    ("sql_mode = ''", "what does not fit is cut off"),
    ("sql_mode = 'ANSI'", "double quotes name columns"),
    ("sql_mode = 'NO_BACKSLASH_ESCAPES'", "text is read otherwise"),
    ("sql_mode = 'ORACLE'", "half of the language is another one"),
    ("sql_mode = 'TRADITIONAL'", "warnings are errors"),
    ("sql_safe_updates = 1", "deletes of lists are refused"),
    ("sql_select_limit = 1", "lists have one row"),
    ("time_zone = '+08:00'", "times are local"),
    ("transaction_isolation = 'READ-UNCOMMITTED'", "reads see what is rolled back"),
    ("transaction_read_only = 1", "nothing is written"),
    ("tx_isolation = 'SERIALIZABLE'", "reads lock"),
    ("tx_read_only = 1", "nothing is written"),
    ("unique_checks = 0", "keys are stored twice"),
    ("wait_timeout = 1", "idle connections are closed"),
];
const KEY: &str = "Y2FuYXJ5LXNlc3Npb24tMQ==";

/// A connection from before, which keeps its own settings, and puts the server's back when dropped.
struct Odd {
    connection: MysqlConnection,
    name: &'static str,
}

impl Odd {
    /// `None` where this server knows no such variable.
    fn set(url: &str, assignment: &'static str) -> Option<Self> {
        let (name, _) = assignment.split_once(" = ").expect("name = value");
        let mut connection = MysqlConnection::establish(url).expect("the database answers");
        connection.batch_execute(&format!("SET @before = @@GLOBAL.{name}")).ok()?;
        let set = connection.batch_execute(&format!("SET GLOBAL {assignment}"));
        match set {
            Ok(()) => Some(Self { connection, name }),
            // Such as a mode of MariaDB's at MySQL.
            Err(error) => {
                println!("{assignment}: not here: {error}");
                None
            }
        }
    }

    fn execute(&mut self, statement: &str) {
        self.connection.batch_execute(statement).expect(statement);
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        let back = format!("SET GLOBAL {} = @before", self.name);
        self.connection.batch_execute(&back).expect("it was so before");
    }
}

#[actix_rt::test]
async fn whatever_a_servers_globals_are_everything_works_and_nothing_is_lost() {
    if !private_server() {
        return;
    }
    for (assignment, effect) in ODD {
        let world = World::new();
        let Some(odd) = Odd::set(world.database.url(), assignment) else { continue };
        println!("{assignment}: {effect}");
        use_everything(&world, odd).await;

        let stored = "FROM sessions JOIN users USING (openid)";
        assert_eq!(world.database.count(stored), 7, "{assignment}");
        let phones = world.database.count("FROM users WHERE phone_number IS NOT NULL");
        assert_eq!(phones, 2, "{assignment}");
        assert_eq!(world.database.count("FROM phone_history"), 1, "{assignment}");
    }
}

/// Migrates, logs in, stores phones, imports, purges, examines; the server is killed at the end.
async fn use_everything(world: &World, mut odd: Odd) {
    world.run(&["migrate"]).assert_ok();
    let file = TemporaryFile::new("users.csv", format!("openid,session_key\noImported,{KEY}\n"));
    world.run(&["users", "import", file.path()]).assert_ok();
    let server = world.server();
    let page = server.client();
    for user in ["alice", "bob", "carol", "dave", "erin", "frank"] {
        let openid = page.log_in(world, user).await;
        if user == "alice" || user == "bob" {
            page.post_phone(&openid, &world.wechat.phone(user)).await.assert_ok();
        }
    }
    let openid = page.log_in_rotating(world, "alice").await;
    let new =
        PhoneOptions { phone_number: Some("13580007777".to_owned()), ..PhoneOptions::default() };
    page.post_phone(&openid, &world.wechat.phone_with("alice", new)).await.assert_ok();

    odd.execute("UPDATE sessions SET expires_at = '2020-01-01' WHERE openid = 'oImported'");
    world.run(&["sessions", "purge"]).assert_ok();
    let doctor = world.run(&["doctor"]);
    doctor.assert_ok();
    assert!(doctor.stdout.contains("ok       database_session"), "{}", doctor.stdout);
    server.signal("KILL");
}
