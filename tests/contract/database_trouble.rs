//! Whatever the database does, requests are answered, and the next one after it succeeds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use crate::harness::{Answer, Relay, World};

/// Leaves a login room for a few statements between two removals.
const PACE: Duration = Duration::from_millis(2);
const SMALL_POOL: (&str, &str) = ("DATABASE_POOL_SIZE", "1");

#[actix_rt::test]
async fn killed_connections_cost_no_request_its_answer() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.post_code(&world.wechat.login("alice")).await.assert_ok();

    for name in ["bob", "carol"] {
        let kills = world.database.column(
            "CONCAT('KILL ', id)",
            "FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()",
        );
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
