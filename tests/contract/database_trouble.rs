//! Whatever the database does, requests are answered, and the next one after it succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use crate::harness::{Answer, METRICS, Open, Reader, Relay, World};

/// Leaves a login room for a few statements between two removals.
const PACE: Duration = Duration::from_millis(2);
/// For what must come; never reached where the code works.
const PATIENCE: Duration = Duration::from_secs(15);
/// The contract's 5 s, and half as much again as a loaded machine may take to run anything at all;
/// two statements take longer.
const LONGEST: Duration = Duration::from_millis(7_500);
const SMALL_POOL: (&str, &str) = ("DATABASE_POOL_SIZE", "1");

#[actix_rt::test]
async fn killed_connections_cost_no_request_its_answer() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.post_code(&world.wechat.login("alice")).await.assert_ok();

    for name in ["bob", "carol"] {
        let connections = world.database.connections();
        let kills = world.database.column("CONCAT('KILL ', id)", &connections);
        assert!(!kills.is_empty(), "the server keeps its connection");
        for kill in kills.into_iter().flatten() {
            world.database.execute(&kill);
        }
        page.post_code(&world.wechat.login(name)).await.assert_ok();
    }
    assert_eq!(world.database.count("FROM sessions"), 3);
}

#[actix_rt::test]
async fn connections_that_fall_silent_are_given_up_for_new_ones() {
    let world = World::new();
    let relay = Relay::to(world.database.address());
    let url = world.database.url_through(&relay.address());
    let server = world.server_with(&[("DATABASE_URL", &url), SMALL_POOL]);
    let page = server.client();
    page.post_code(&world.wechat.login("alice")).await.assert_ok();
    let code = world.wechat.login("bob");

    relay.swallow();
    // The first meets the connection that fell silent, the second one that cannot be made.
    for _ in 0..2 {
        page.post_code(&code).await.assert_error(503, 50300, "database_unavailable", false);
    }
    relay.mend();

    page.post_code(&code).await.assert_ok();
    assert_eq!(world.wechat.exchanges_of(&code), 1);
    assert_eq!(world.database.count("FROM sessions"), 2);
}

/// A phone that is new reads the ring, then locks the user and writes: three statements of 4 s here.
#[actix_rt::test]
async fn a_request_waits_for_slow_statements_no_longer_than_for_one() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    world.database.execute(
        "RENAME TABLE users TO all_users;
         CREATE VIEW users AS SELECT * FROM all_users WHERE SLEEP(4) = 0",
    );

    let answer = page.post_phone(&openid, &data).await;

    answer.assert_error(503, 50300, "database_unavailable", false);
    assert!(answer.elapsed >= Duration::from_secs(4), "the ring was read: {:?}", answer.elapsed);
    assert!(answer.elapsed < LONGEST, "{:?}", answer.elapsed);
    world.database.execute("DROP VIEW users; RENAME TABLE all_users TO users");
    page.post_phone(&openid, &data).await.assert_ok();
}

/// The login takes two statements of 2 s here, and so does the phone after it.
#[actix_rt::test]
async fn a_login_and_a_phone_in_one_call_wait_no_longer_than_one_of_them() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.log_in(&world, "alice").await;
    let (code, data) = (world.wechat.login("alice"), world.wechat.phone("alice"));
    world.database.execute(
        "RENAME TABLE users TO all_users;
         CREATE VIEW users AS SELECT * FROM all_users WHERE SLEEP(2) = 0",
    );

    let answer = page.post_user(&code, &data).await;

    answer.assert_error(503, 50300, "database_unavailable", false);
    assert!(answer.elapsed >= Duration::from_secs(4), "alice logged in: {:?}", answer.elapsed);
    assert!(answer.elapsed < LONGEST, "{:?}", answer.elapsed);
    world.database.execute("DROP VIEW users; RENAME TABLE all_users TO users");
    page.post_user(&code, &data).await.assert_ok();
    assert_eq!(world.wechat.exchanges_of(&code), 1);
}

/// Two requests are at work when first one's connection is killed, and, when that has another one,
/// the other's: what that meets concerns connections as old as its own.
#[actix_rt::test]
async fn a_connection_that_was_made_after_a_failure_outlives_the_next_of_the_old_ones() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    page.post_code(&code).await.assert_ok();
    world.database.execute(
        "RENAME TABLE sessions TO all_sessions;
         CREATE VIEW sessions AS SELECT * FROM all_sessions WHERE SLEEP(1.5) = 0",
    );
    // A code that is posted again is looked up, and not joined with what came before.
    let lookup = "SELECT `sessions`.`code_hash`";
    let post = || {
        let (page, code) = (page.clone(), code.clone());
        actix_rt::spawn(async move { page.post_code(&code).await })
    };
    let post_twice = async || {
        let first = post();
        world.database.wait_for_statements(lookup, 1).await;
        [first, post()]
    };
    let at_work = async || {
        world.database.wait_for_statements(lookup, 2).await;
        let running =
            format!("{} WHERE info LIKE '{lookup}%' ORDER BY id", world.database.connections());
        let ids = world.database.column("id", &running);
        assert_eq!(ids.len(), 2, "both are still at work");
        ids.into_iter().flatten().collect::<Vec<_>>()
    };

    let posts = post_twice().await;
    let old = at_work().await;
    let mut new = Vec::new();
    for connection in old {
        world.database.execute(&format!("KILL {connection}"));
        world.database.wait_for_its_end(&connection);
        new = at_work().await;
    }
    for post in posts {
        post.await.expect("no post panics").assert_ok();
    }
    // Used again, but where the purge that every server begins with has borrowed one.
    let posts = post_twice().await;
    at_work().await;
    let alive = format!("{} WHERE id IN ({})", world.database.connections(), new.join(", "));
    assert_eq!(world.database.count(&alive), 2, "each was made once");
    for post in posts {
        post.await.expect("no post panics").assert_ok();
    }
}

/// The transaction of two joined logins is left open at the database, with their keys locked, by a
/// connection that is never closed.
#[actix_rt::test]
async fn a_transaction_that_the_network_cut_off_keeps_nobody_from_logging_in() {
    let world = World::new();
    let relay = Relay::to(world.database.address());
    let url = world.database.url_through(&relay.address());
    let server = world.server_with(&[("DATABASE_URL", &url), METRICS, SMALL_POOL]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let log_in = |name: &str| {
        let (page, code) = (page.clone(), world.wechat.login(name));
        actix_rt::spawn(async move { page.post_code(&code).await })
    };
    let alice = lock_key(&world, &page.log_in(&world, "alice").await);
    let carol = lock_key(&world, &page.log_in(&world, "carol").await);
    let alone = log_in("alice");
    world.database.wait_for_statements("INSERT INTO sessions", 1).await;
    let together = ["bob", "carol"].map(log_in);
    reader.wait_for(r#"wxauth_store_waiting_requests{statement="login"}"#, 2).await;
    drop(alice);
    alone.await.expect("no login panics").assert_ok();
    world.database.wait_for_statements("INSERT INTO sessions", 1).await;

    relay.swallow();
    drop(carol);
    for login in together {
        login.await.expect("no login panics").assert_error(
            503,
            50300,
            "database_unavailable",
            false,
        );
    }
    relay.mend();

    let deadline = Instant::now() + PATIENCE;
    while page.post_code(&world.wechat.login("carol")).await.status != 200 {
        assert!(Instant::now() < deadline, "carol cannot log in");
    }
}

/// Locks the user's only key, until it is dropped.
fn lock_key(world: &World, openid: &str) -> Open {
    let key = format!("FROM sessions WHERE openid = '{openid}'");
    let fingerprint = world.database.value("key_fingerprint", &key).expect("a key");
    // By the whole primary key, which locks no gap.
    world
        .database
        .begin(&format!("SELECT 1 {key} AND key_fingerprint = '{fingerprint}' FOR UPDATE"))
}

#[actix_rt::test]
async fn keys_that_are_taken_away_while_they_are_stored_fail_no_login() {
    let world = World::with_rate_limit(None);
    let server = world.server();
    let page = server.client();
    let is_over = Arc::new(AtomicBool::new(false));
    let (ending, database) = (Arc::clone(&is_over), world.database.url().to_owned());
    let taking = thread::spawn(move || {
        let mut connection = MysqlConnection::establish(&database).expect("the database answers");
        while !ending.load(Ordering::Relaxed) {
            // A deadlock with a login may end this one instead.
            let _ = diesel::sql_query("DELETE FROM sessions").execute(&mut connection);
            thread::sleep(PACE);
        }
    });

    let mut answers = Vec::new();
    for _ in 0..300 {
        answers.push(page.post_code(&world.wechat.login_rotating("alice")).await);
    }
    is_over.store(true, Ordering::Relaxed);
    taking.join().expect("no thread panics");

    answers.iter().for_each(Answer::assert_ok);
}
