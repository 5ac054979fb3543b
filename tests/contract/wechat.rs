//! What WeChat does to a login: refusals, busy hours, hanging, garbage.

use std::time::Duration;

use serde_json::json;
use wxauth_sandbox::{Fault, Options, Sandbox, Style};

use crate::harness::{World, fingerprint};

const PATH: &str = "/code2Session";

#[actix_rt::test]
async fn every_errcode_has_its_row_in_the_error_table() {
    let world = World::new();
    let server = world.server_with(&[("WX_TIMEOUT_MS", "2000")]);
    let page = server.client();

    for (errcode, status, number, error, relogin, retry_after) in [
        (40029, 401, 40102, "code_rejected", true, None),
        (40163, 401, 40102, "code_rejected", true, None),
        (40226, 403, 40300, "user_blocked", false, None),
        (45011, 429, 42900, "rate_limited", false, Some("60")),
        (40013, 502, 50201, "wechat_misconfigured", false, None),
        (40125, 502, 50201, "wechat_misconfigured", false, None),
        (41002, 502, 50201, "wechat_misconfigured", false, None),
        (41004, 502, 50201, "wechat_misconfigured", false, None),
        (40002, 502, 50201, "wechat_misconfigured", false, None),
        (41008, 502, 50200, "wechat_error", false, None),
        (-1, 502, 50200, "wechat_error", false, Some("1")),
        (99999, 502, 50200, "wechat_error", false, None),
    ] {
        for errcode_as_string in [false, true] {
            world.wechat.set_style(Style { errcode_as_string, ..Style::default() });
            let code = world.wechat.login("alice");
            world.wechat.fail_next(Fault::Errcode(errcode), if errcode == -1 { 100 } else { 1 });
            let answer = page.json(PATH, json!({"jsCode": code})).await;
            answer.assert_error(status, number, error, relogin);
            assert_eq!(answer.header("retry-after"), retry_after, "{errcode}");
            world.wechat.clear_faults();
        }
    }
    assert_eq!(world.database.count("FROM users"), 0);
}

#[actix_rt::test]
async fn an_answer_that_cannot_be_used_is_a_wechat_error() {
    let world = World::new();
    let server = world.server();
    let page = server.client();

    for fault in [
        Fault::Garbage,
        Fault::Html,
        Fault::ServerError,
        Fault::Redirect,
        Fault::Truncated,
        Fault::TruncatedBody,
        Fault::Oversized,
        Fault::MissingKey,
        Fault::ShortKey,
        Fault::Reset,
        Fault::LostAnswer,
    ] {
        let code = world.wechat.login("alice");
        world.wechat.fail_next(fault, 1);
        let answer = page.json(PATH, json!({"jsCode": code})).await;
        answer.assert_error(502, 50200, "wechat_error", false);
        assert_eq!(answer.header("retry-after"), None, "the code may be consumed: {fault:?}");
        assert_eq!(world.wechat.exchanges_of(&code), 1, "asked once: {fault:?}");
    }
    let code = world.wechat.login("alice");
    page.json(PATH, json!({"jsCode": code})).await.assert_ok();
}

#[actix_rt::test]
async fn a_busy_wechat_is_asked_again_until_it_answers() {
    let world = World::new();
    let server = world.server();
    let code = world.wechat.login("alice");
    world.wechat.fail_next(Fault::Busy, 3);

    let answer = server.client().json(PATH, json!({"jsCode": code})).await;

    answer.assert_ok();
    assert_eq!(world.wechat.exchanges_of(&code), 4);
}

#[actix_rt::test]
async fn a_wechat_that_hangs_is_asked_once_and_given_the_whole_budget() {
    let world = World::new();
    let server = world.server_with(&[("WX_TIMEOUT_MS", "400")]);
    let code = world.wechat.login("alice");
    world.wechat.fail_next(Fault::Hang, 1);

    let answer = server.client().json(PATH, json!({"jsCode": code})).await;

    answer.assert_error(504, 50400, "wechat_timeout", false);
    assert!(answer.elapsed >= Duration::from_millis(400), "{:?}", answer.elapsed);
    assert_eq!(world.wechat.exchanges_of(&code), 1, "the code may be consumed");
}

#[actix_rt::test]
async fn a_wechat_that_refuses_connections_is_tried_until_it_listens_again() {
    let world = World::new();
    let server = world.server_with(&[("WX_TIMEOUT_MS", "2000")]);
    let page = server.client();
    world.wechat.stop();

    let refused = page.json(PATH, json!({"jsCode": "a"})).await;

    refused.assert_error(502, 50200, "wechat_error", false);
    assert_eq!(refused.header("retry-after"), Some("1"), "the code is surely not consumed");

    let bind = world.wechat.base_url().replace("http://", "");
    let again = Sandbox::start(Options { bind, ..Options::default() }).expect("the port is free");
    page.json(PATH, json!({"jsCode": again.login("alice")})).await.assert_ok();
}

#[actix_rt::test]
async fn answers_of_every_documented_form_are_understood() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let all = Style {
        expires_in: true,
        errcode_on_success: true,
        escaped_slashes: true,
        errcode_as_string: true,
        openid_first: true,
    };

    for style in [all, Style { errcode_as_string: false, ..all }, Style::default()] {
        world.wechat.set_style(style);
        let code = world.wechat.login_rotating("alice");
        page.json(PATH, json!({"jsCode": code})).await.assert_ok();
    }
    let key = world.wechat.session_key("alice").expect("alice logged in");
    let stored = world.database.column("key_fingerprint", "FROM sessions");
    assert_eq!(stored.len(), 3);
    assert!(stored.contains(&Some(fingerprint(&key))));
}

#[actix_rt::test]
async fn more_exchanges_than_are_allowed_at_once_are_told_to_come_back() {
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[("WX_TIMEOUT_MS", "20000")]);
    let page = server.client();
    world.wechat.hold();
    // Those that are let through end at WeChat: the database would take its time for so many.
    world.wechat.fail_next(Fault::Errcode(45011), 1_100);

    let posts: Vec<_> = (0..1_100)
        .map(|number| {
            let (page, code) = (page.clone(), world.wechat.login(&format!("user{number}")));
            actix_rt::spawn(async move { page.json(PATH, json!({"jsCode": code})).await })
        })
        .collect();
    let refused = server.line("error=busy").await;
    world.wechat.release();
    let mut busy = 0;
    for post in posts {
        let answer = post.await.expect("no post panics");
        if answer.status == 429 {
            continue;
        }
        answer.assert_error(503, 50301, "busy", false);
        assert_eq!(answer.header("retry-after"), Some("1"));
        busy += 1;
    }

    assert!((1..=76).contains(&busy), "{busy} refused; {refused}");
}
