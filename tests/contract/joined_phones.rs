//! Phones of concurrent requests, stored by one statement.

use std::time::UNIX_EPOCH;

use wxauth_sandbox::{EncryptedData, PhoneOptions};

use crate::harness::{Answer, METRICS, Reader, Server, World};
use crate::joined_statements::{THREE_CONNECTIONS, names};

/// How the statement begins that locks the users whose phones are stored; a key ring's begins otherwise.
pub const LOCKING_READ: &str = "SELECT `users`.`id`, `users`.`openid`";

/// Posts each of these phones while both connections that write wait for a lock, so that they gather.
async fn tap_together(
    world: &World,
    server: &Server,
    phones: Vec<(String, EncryptedData)>,
) -> Vec<Answer> {
    let (page, reader) = (server.client(), Reader::of(server));
    let tap = |(openid, data): (String, EncryptedData)| {
        let page = page.clone();
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    };
    let mut locked = Vec::new();
    for name in ["first", "second"] {
        locked.push((page.log_in(world, name).await, world.wechat.phone(name)));
    }
    let openids: Vec<_> = locked.iter().map(|(openid, _)| format!("'{openid}'")).collect();
    let rows = format!("SELECT 1 FROM users WHERE openid IN ({}) FOR UPDATE", openids.join(","));
    let lock = world.database.begin(&rows);
    let mut held = Vec::new();
    for phone in locked {
        held.push(tap(phone));
        world.database.wait_for_statements(LOCKING_READ, held.len() as u64).await;
    }
    let count = phones.len() as u32;
    let together: Vec<_> = phones.into_iter().map(tap).collect();
    reader.wait_for(r#"wxauth_store_waiting_requests{statement="phone"}"#, count).await;
    drop(lock);

    let mut answers = Vec::new();
    for tap in together {
        answers.push(tap.await.expect("no tap panics"));
    }
    for tap in held {
        tap.await.expect("no tap panics").assert_ok();
    }
    answers
}

#[actix_rt::test]
async fn phones_that_gather_are_stored_by_one_statement_and_each_of_the_users_own() {
    const USERS: usize = 30;
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let page = server.client();
    let number = |user: usize| format!("135800000{user:02}");
    let mut phones = Vec::new();
    for (user, name) in names(USERS).iter().enumerate() {
        let options = PhoneOptions { phone_number: Some(number(user)), ..PhoneOptions::default() };
        let openid = page.log_in(&world, name).await;
        phones.push((openid, world.wechat.phone_with(name, options)));
    }
    let openids: Vec<_> = phones.iter().map(|(openid, _)| openid.clone()).collect();
    let both = format!("FROM users WHERE openid IN ('{}') ORDER BY id", openids.join("', '"));
    let ids = world.database.column("CONCAT(id, ' ', openid)", &both);

    let answers = tap_together(&world, &server, phones).await;

    for (user, (openid, answer)) in openids.iter().zip(&answers).enumerate() {
        answer.assert_ok();
        let stored =
            world.database.value("phone_number", &format!("FROM users WHERE openid = '{openid}'"));
        assert_eq!(stored, Some(number(user)));
    }
    let text = Reader::of(&server).text().await;
    let all = r#"wxauth_store_batch_size_count{statement="phone"}"#;
    assert_eq!(Reader::value(&text, all), 3.0, "two that were held, and all others: {text}");
    assert_eq!(world.database.column("CONCAT(id, ' ', openid)", &both), ids);
    page.log_in(&world, "another").await;
    let last = world.database.count("FROM users");
    assert_eq!(
        world.database.value("MAX(id)", "FROM users"),
        Some(last.to_string()),
        "none is spent"
    );
}

/// As if they had come one after the other, in whichever order.
#[actix_rt::test]
async fn of_one_users_phones_that_gather_the_newest_stays() {
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let openid = server.client().log_in(&world, "alice").await;
    let now = UNIX_EPOCH.elapsed().expect("after 1970").as_secs() as i64;
    let phone = |number: &str, ago: i64| {
        let phone_number = Some(number.to_owned());
        let timestamp = Some(now - ago);
        let options = PhoneOptions { phone_number, timestamp, ..PhoneOptions::default() };
        (openid.clone(), world.wechat.phone_with("alice", options))
    };
    let phones = vec![phone("13580000001", 30), phone("13580000002", 20), phone("13580000001", 30)];

    for answer in tap_together(&world, &server, phones).await {
        answer.assert_ok();
    }

    let alice = format!("FROM users WHERE openid = '{openid}'");
    assert_eq!(world.database.value("phone_number", &alice).as_deref(), Some("13580000002"));
    // Which of them came first is nobody's to say.
    let replaced = world.database.column("phone_number", "FROM phone_history");
    assert!(replaced.iter().flatten().all(|number| number == "13580000001"), "{replaced:?}");
    assert!(replaced.len() <= 1, "{replaced:?}");
}

#[actix_rt::test]
async fn a_phone_that_the_database_refuses_fails_none_of_those_beside_it() {
    let world = World::new();
    let server = world.server_with(&[METRICS, THREE_CONNECTIONS]);
    let page = server.client();
    let mut phones = Vec::new();
    for name in names(20) {
        phones.push((page.log_in(&world, &name).await, world.wechat.phone(&name)));
    }
    let openids: Vec<_> = phones.iter().map(|(openid, _)| openid.clone()).collect();
    world.database.execute(&format!(
        "CREATE TRIGGER refuse BEFORE UPDATE ON users FOR EACH ROW \
         IF NEW.openid = '{}' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'; END IF",
        openids[7]
    ));

    let answers = tap_together(&world, &server, phones).await;

    for (user, answer) in answers.iter().enumerate() {
        match user {
            7 => answer.assert_error(503, 50300, "database_unavailable", false),
            _ => answer.assert_ok(),
        }
    }
    assert_eq!(world.database.count("FROM users WHERE phone_number IS NOT NULL"), 21);
}

#[actix_rt::test]
async fn a_user_who_is_erased_while_their_phone_waits_is_asked_to_log_in() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    let erasure = world.database.begin(&format!("DELETE FROM users WHERE openid = '{openid}'"));

    let tap = actix_rt::spawn(async move { page.post_phone(&openid, &data).await });
    world.database.wait_for_statements(LOCKING_READ, 1).await;
    erasure.commit();

    let answer = tap.await.expect("no tap panics");
    answer.assert_error(401, 40100, "login_required", true);
    assert_eq!(world.database.count("FROM users"), 0);
}
