//! A code posted again: a double tap, a retry after a lost answer.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use wxauth_sandbox::{Fault, Sandbox};

use crate::harness::{Client, Relay, World, fingerprint};

/// Somebody who is none of our processes uses the code up.
async fn exchange_behind_our_back(wechat: &Sandbox, code: &str) {
    let path = format!(
        "/sns/jscode2session?appid={}&secret={}&js_code={code}&grant_type=authorization_code",
        wechat.appid(),
        wechat.secret()
    );
    let answer = Client::new(&wechat.base_url()).get(&path).await;
    assert!(answer.json()["session_key"].is_string(), "the code was good");
}

#[actix_rt::test]
async fn the_same_code_again_gets_the_same_openid_from_one_exchange() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");

    let first = page.post_code(&code).await;
    let second = page.post_code(&format!(" {code} ")).await;

    first.assert_ok();
    assert_eq!(second.fingerprint(), first.fingerprint());
    assert_eq!(world.wechat.exchanges_of(&code), 1);
}

#[actix_rt::test]
async fn a_hundred_identical_posts_at_once_share_one_exchange() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    world.wechat.hold();

    let posts: Vec<_> = (0..100)
        .map(|_| {
            let (page, code) = (page.clone(), code.clone());
            actix_rt::spawn(async move { page.post_code(&code).await })
        })
        .collect();
    world.wechat.wait_for_waiting(1).await;
    world.wechat.release();

    let mut answers = Vec::new();
    for post in posts {
        answers.push(post.await.expect("no post panics").fingerprint());
    }
    assert_eq!(answers[0].0, 200);
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(world.wechat.exchanges_of(&code), 1);
}

#[actix_rt::test]
async fn a_hundred_identical_posts_to_two_processes_all_get_the_openid() {
    let world = World::new();
    let grace = ("LOGIN_GRACE_MS", "20000");
    let servers = [world.server_with(&[grace]), world.server_with(&[grace])];
    let code = world.wechat.login("alice");
    world.wechat.hold();

    let posts: Vec<_> = (0..100)
        .map(|number| {
            let (page, code) = (servers[number % 2].client(), code.clone());
            actix_rt::spawn(async move { page.post_code(&code).await })
        })
        .collect();
    world.wechat.wait_for_waiting(2).await;
    world.wechat.release();

    for post in posts {
        let answer = post.await.expect("no post panics");
        answer.assert_ok();
        assert_eq!(answer.text("openid"), world.wechat.openid("alice"));
        assert!(answer.elapsed < Duration::from_secs(20), "the row ends the wait");
    }
    assert_eq!(world.wechat.exchanges_of(&code), 2, "one a process");
    assert_eq!(world.wechat.calls().succeeded, 1);
    assert_eq!(world.database.count("FROM sessions"), 1);
}

#[actix_rt::test]
async fn a_login_whose_caller_hung_up_is_finished_and_answers_the_retry() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    world.wechat.hold();
    let body = json!({"jsCode": code}).to_string();
    let mut connection = TcpStream::connect(server.address()).expect("the server listens");
    write!(
        connection,
        "POST /code2Session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .expect("the request is sent");
    world.wechat.wait_for_waiting(1).await;
    drop(connection);
    world.wechat.release();

    let retry = page.post_code(&code).await;

    retry.assert_ok();
    assert_eq!(world.wechat.exchanges_of(&code), 1);
    assert_eq!(world.database.count("FROM sessions"), 1);
}

#[actix_rt::test]
async fn what_wechat_gave_is_kept_until_the_database_can_store_it() {
    let world = World::new();
    let relay = Relay::to(world.database.address());
    let url = world.database.url_through(&relay.address());
    let server = world.server_with(&[("DATABASE_URL", &url)]);
    let page = server.client();
    let code = world.wechat.login("alice");

    relay.cut();
    for _ in 0..2 {
        page.post_code(&code).await.assert_error(503, 50300, "database_unavailable", false);
    }
    relay.mend();

    page.post_code(&code).await.assert_ok();
    assert_eq!(world.wechat.exchanges_of(&code), 1);
    let key = world.wechat.session_key("alice").expect("alice logged in");
    let stored = world.database.value("key_fingerprint", "FROM sessions");
    assert_eq!(stored, Some(fingerprint(&key)));
}

#[actix_rt::test]
async fn a_code_that_another_process_used_is_answered_from_its_row() {
    let world = World::new();
    let code = world.wechat.login("alice");
    let before = world.server().client().post_code(&code).await;
    before.assert_ok();

    let after_a_restart = world.server().client().post_code(&code).await;

    assert_eq!(after_a_restart.fingerprint(), before.fingerprint());
}

#[actix_rt::test]
async fn a_code_that_somebody_else_used_is_refused_after_the_grace() {
    let world = World::new();
    let server = world.server_with(&[("LOGIN_GRACE_MS", "300")]);
    let page = server.client();
    let code = world.wechat.login("alice");
    exchange_behind_our_back(&world.wechat, &code).await;

    let answer = page.post_code(&code).await;

    answer.assert_error(401, 40102, "code_rejected", true);
    assert!(answer.elapsed >= Duration::from_millis(300), "{:?}", answer.elapsed);
}

#[actix_rt::test]
async fn what_wechat_refused_is_not_asked_again() {
    let world = World::new();
    let server = world.server_with(&[("LOGIN_GRACE_MS", "0")]);
    let page = server.client();

    for _ in 0..3 {
        page.post_code("made-up").await.assert_error(401, 40102, "code_rejected", true);
    }
    assert_eq!(world.wechat.exchanges_of("made-up"), 1);

    let code = world.wechat.login("mallory");
    world.wechat.block("mallory");
    for _ in 0..3 {
        page.post_code(&code).await.assert_error(403, 40300, "user_blocked", false);
    }
    assert_eq!(world.wechat.exchanges_of(&code), 1);
}

#[actix_rt::test]
async fn a_failure_that_says_nothing_of_the_code_is_forgotten() {
    let world = World::new();
    let server = world.server_with(&[("WX_TIMEOUT_MS", "2000")]);
    let page = server.client();
    let code = world.wechat.login("alice");
    for fault in [Fault::ServerError, Fault::Garbage, Fault::Errcode(45011), Fault::Hang] {
        world.wechat.fail_next(fault, 1);
        assert_ne!(page.post_code(&code).await.status, 200, "{fault:?}");
    }

    page.post_code(&code).await.assert_ok();
}

#[actix_rt::test]
async fn a_code_whose_key_was_revoked_is_refused_by_every_process() {
    let world = World::new();
    let servers = [world.server(), world.server()];
    let code = world.wechat.login("alice");
    servers[0].client().post_code(&code).await.assert_ok();

    world.database.execute("DELETE FROM sessions");

    for server in &servers {
        let answer = server.client().post_code(&code).await;
        answer.assert_error(401, 40102, "code_rejected", true);
    }
}

#[actix_rt::test]
async fn a_code_is_shared_between_both_logins() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    let data = world.wechat.phone("alice");

    page.post_code(&code).await.assert_ok();
    page.post_user(&code, &data).await.assert_ok();
    page.post_code(&code).await.assert_ok();

    assert_eq!(world.wechat.exchanges_of(&code), 1);
}
