//! Statements of concurrent requests, joined into one: each request still gets its own outcome.

use wxauth_sandbox::EncryptedData;

use crate::harness::{Answer, METRICS, Open, Reader, Server, World, numbers};
use crate::joined_phones::LOCKING_READ;

/// Two that write, and the one that never does.
pub const THREE_CONNECTIONS: (&str, &str) = ("DATABASE_POOL_SIZE", "3");

/// Keeps the keys of these users locked until it is dropped, so that logins with them wait.
fn lock_keys(world: &World, openids: &[String]) -> Open {
    let lock = |openid: &String| {
        let key = format!("FROM sessions WHERE openid = '{openid}'");
        let fingerprint = world.database.value("key_fingerprint", &key).expect("a key");
        // By the whole primary key, which locks no gap.
        format!(
            "SELECT 1 FROM sessions \
             WHERE openid = '{openid}' AND key_fingerprint = '{fingerprint}' FOR UPDATE"
        )
    };
    world.database.begin(&openids.iter().map(lock).collect::<Vec<_>>().join(";"))
}

/// Posts one login for each of these users while both connections that write wait for a lock, so that they
/// gather. The answers come in the order of the users.
async fn log_in_together(world: &World, server: &Server, users: &[String]) -> Vec<Answer> {
    let (page, reader) = (server.client(), Reader::of(server));
    let log_in = |name: &str| {
        let (page, code) = (page.clone(), world.wechat.login(name));
        actix_rt::spawn(async move { page.post_code(&code).await })
    };
    let locked = [page.log_in(world, "first").await, page.log_in(world, "second").await];
    let lock = lock_keys(world, &locked);
    let mut held = Vec::new();
    for name in ["first", "second"] {
        held.push(log_in(name));
        world.database.wait_for_statements("INSERT INTO sessions", held.len() as u64).await;
    }
    let together: Vec<_> = users.iter().map(|name| log_in(name)).collect();
    reader
        .wait_for(r#"wxauth_store_waiting_requests{statement="login"}"#, users.len() as u32)
        .await;
    reader.wait_for("wxauth_store_connections_in_use", 2).await;
    drop(lock);

    let mut answers = Vec::new();
    for login in together {
        answers.push(login.await.expect("no login panics"));
    }
    for login in held {
        login.await.expect("no login panics").assert_ok();
    }
    reader.wait_for("wxauth_store_connections_in_use", 0).await;
    answers
}

pub fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("user{number}")).collect()
}

#[actix_rt::test]
async fn logins_that_gather_are_stored_by_one_statement_and_each_gets_its_own_answer() {
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let users = names(40);

    let answers = log_in_together(&world, &server, &users).await;

    for (name, answer) in users.iter().zip(&answers) {
        answer.assert_ok();
        assert_eq!(answer.text("openid"), world.wechat.openid(name));
    }
    let stored = world.database.count("FROM sessions JOIN users USING (openid)");
    assert_eq!(stored, 42);
    let text = Reader::of(&server).text().await;
    let smaller = r#"wxauth_store_batch_size_bucket{le="32.0",statement="login"}"#;
    assert_eq!(Reader::value(&text, smaller), 4.0);
    let all = r#"wxauth_store_batch_size_count{statement="login"}"#;
    assert_eq!(Reader::value(&text, all), 5.0, "{text}");
}

/// WeChat keeps a user's key over logins within minutes, and each of their codes may come again.
#[actix_rt::test]
async fn codes_of_one_key_that_gather_are_all_kept() {
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let users = vec!["alice".to_owned(); 5];

    for answer in log_in_together(&world, &server, &users).await {
        answer.assert_ok();
    }

    let alice = format!("WHERE openid = '{}'", world.wechat.openid("alice"));
    assert_eq!(world.database.count(&format!("FROM sessions {alice}")), 1);
    assert_eq!(world.database.count(&format!("FROM further_codes {alice}")), 4);
}

#[actix_rt::test]
async fn a_login_that_the_database_refuses_fails_none_of_those_beside_it() {
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let users = names(20);
    let refused = world.wechat.openid("user7");
    world.database.execute(&format!(
        "CREATE TRIGGER refuse BEFORE INSERT ON sessions FOR EACH ROW \
         IF NEW.openid = '{refused}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF"
    ));

    let answers = log_in_together(&world, &server, &users).await;

    for (name, answer) in users.iter().zip(&answers) {
        match name.as_str() {
            "user7" => answer.assert_error(503, 50300, "database_unavailable", false),
            _ => answer.assert_ok(),
        }
    }
    let in_sessions = world.database.count("FROM sessions");
    assert_eq!(in_sessions, 21);
}

#[actix_rt::test]
async fn a_login_whose_user_the_database_refuses_leaves_no_key() {
    let world = World::new();
    let server = world.server();
    world.database.execute(
        "CREATE TRIGGER refuse BEFORE INSERT ON users FOR EACH ROW \
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'",
    );

    let answer = server.client().post_code(&world.wechat.login("alice")).await;

    answer.assert_error(503, 50300, "database_unavailable", false);
    assert_eq!(world.database.count("FROM sessions"), 0);
}

#[actix_rt::test]
async fn a_login_whose_key_stays_locked_fails_none_of_those_beside_it() {
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let users = names(20);
    let openid = server.client().log_in(&world, "user7").await;
    let _lock = lock_keys(&world, &[openid]);

    let answers = log_in_together(&world, &server, &users).await;

    for (name, answer) in users.iter().zip(&answers) {
        match name.as_str() {
            "user7" => answer.assert_error(503, 50300, "database_unavailable", false),
            _ => answer.assert_ok(),
        }
    }
}

#[actix_rt::test]
async fn the_newest_keys_are_tried_also_of_users_with_very_many() {
    let world = World::new();
    let server = world.server_with(&[METRICS, ("LOGIN_GRACE_MS", "0")]);
    let page = server.client();
    let users = ["alice", "bob", "carol", "dave"];
    let mut openids = Vec::new();
    let numbers = numbers(600);
    for name in users {
        let openid = page.log_in(&world, name).await;
        // Each an hour older than the one before, and all older than the real one.
        world.database.execute(&format!(
            "INSERT INTO sessions SELECT openid, CONCAT(LPAD(number, 6, '0'), 'ffffffffff'), \
             'AAAAAAAAAAAAAAAAAAAAAA==', UNHEX(SHA2(CONCAT(openid, number), 256)), code_brought_at, code_minute, \
             first_seen_at - INTERVAL number HOUR, issued_at - INTERVAL number HOUR, expires_at \
             FROM sessions JOIN {numbers} WHERE openid = '{openid}'"
        ));
        openids.push(openid);
    }
    let tap = |index: usize| {
        let (page, openid) = (page.clone(), openids[index % 4].clone());
        let data = world.wechat.phone(users[index % 4]);
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    };
    let taps: Vec<_> = (0..100).map(tap).collect();

    for tap in taps {
        tap.await.expect("no tap panics").assert_ok();
    }
    let text = Reader::of(&server).text().await;
    assert_eq!(Reader::value(&text, r#"wxauth_key_place_bucket{le="1.0"}"#), 100.0);
}

#[actix_rt::test]
async fn statements_that_wait_for_a_lock_do_not_keep_others_waiting_with_them() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    // Who is new would be stored beside alice's locked user, and so wait for her in the database.
    page.log_in(&world, "bob").await;
    let lock = lock_keys(&world, &[openid]);
    let mut held = Vec::new();
    // As many as run at a time.
    for _ in 0..2 {
        let (page, code) = (page.clone(), world.wechat.login("alice"));
        held.push(actix_rt::spawn(async move { page.post_code(&code).await }));
        world.database.wait_for_statements("INSERT INTO sessions", held.len() as u64).await;
    }

    page.log_in(&world, "bob").await;

    assert!(held.iter().all(|login| !login.is_finished()), "bob did not wait for alice");
    drop(lock);
    for login in held {
        login.await.expect("no login panics").assert_ok();
    }
}

/// More than one statement serves.
#[actix_rt::test]
async fn however_many_writes_wait_for_a_lock_keys_are_read() {
    const WRITES: usize = 280;
    let world = World::new();
    let server = world.server_with(&[("WORKERS", "1")]);
    let page = server.client();
    let tap = |openid: &str, data: EncryptedData| {
        let (page, openid) = (page.clone(), openid.to_owned());
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    };
    let (alice, stored) = (page.log_in(&world, "alice").await, world.wechat.phone("alice"));
    tap(&alice, stored.clone()).await.expect("no tap panics").assert_ok();
    let mut users = Vec::new();
    for name in names(WRITES) {
        let openid = page.log_in(&world, &name).await;
        users.push((openid, world.wechat.phone(&name)));
    }
    let lock = world.database.begin("SELECT id FROM users FOR UPDATE");

    let writes: Vec<_> = users.iter().map(|(openid, data)| tap(openid, data.clone())).collect();
    world.database.wait_for_statements(LOCKING_READ, 2).await;
    tap(&alice, stored).await.expect("no tap panics").assert_ok();

    let waiting = writes.iter().filter(|write| !write.is_finished()).count();
    assert_eq!(waiting, WRITES, "alice was answered before any of them");
    drop(lock);
}
