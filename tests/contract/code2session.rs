//! `POST /code2Session`.

use std::time::Duration;

use serde_json::{Value, json};
use wxauth_sandbox::{Fault, Options, Sandbox, Style};

use crate::harness::World;

const PATH: &str = "/code2Session";

#[actix_rt::test]
async fn the_2019_page_logs_in_with_json_and_with_a_form() {
    let world = World::new();
    let server = world.server();
    let page = server.client();

    let by_json = page.json(PATH, json!({"jsCode": world.wechat.login("alice")})).await;
    let code = world.wechat.login("alice");
    let by_form = page.form(PATH, &[("jsCode", &code)]).await;

    let expected = json!({"openid": world.wechat.openid("alice"), "expiresIn": 259_200});
    by_json.assert_ok();
    assert_eq!(by_json.json(), expected);
    by_form.assert_ok();
    assert_eq!(by_form.json(), expected);
    assert_eq!(world.database.count("FROM users"), 1);
    assert_eq!(world.database.count("FROM sessions"), 1, "WeChat kept the key, so do we");
}

#[actix_rt::test]
async fn a_code_is_found_under_each_of_its_names_and_passed_on_trimmed() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let with_code = |write: fn(&str) -> Value| write(&world.wechat.login("alice"));

    for body in [
        with_code(|code| json!({"code": code})),
        with_code(|code| json!({"js_code": code})),
        with_code(|code| json!({"jsCode": format!(" \"{code}\"\n"), "code": "not-this-one"})),
        with_code(|code| json!({"jsCode": "undefined", "code": code})),
        with_code(|code| json!({"jsCode": null, "code": 7, "js_code": code})),
        with_code(
            |code| json!({"js_code": "not-this-one", "code": "[object Object]", "jsCode": code}),
        ),
    ] {
        let answer = page.json(PATH, body.clone()).await;
        assert_eq!(answer.status, 200, "{body}");
    }
    let twice = format!(r#"{{"jsCode":"","jsCode":"{}"}}"#, world.wechat.login("alice"));
    page.post(PATH, "application/json; charset=utf-8", twice).await.assert_ok();
}

#[actix_rt::test]
async fn a_code_of_any_printable_characters_reaches_wechat_as_it_is() {
    let world = World::new();
    let server = world.server();

    let code = "the code is a mock one &=+%25/?#";
    let answer = server.client().json(PATH, json!({"jsCode": code})).await;

    answer.assert_error(401, 40102, "code_rejected", true);
    assert_eq!(world.wechat.exchanges_of(code), 1);
}

#[actix_rt::test]
async fn a_missing_or_malformed_code_is_named_and_never_reaches_wechat() {
    let world = World::new();
    let server = world.server();
    let page = server.client();

    let too_long = "c".repeat(129);
    for (body, reason) in [
        (json!({}), "no field at all"),
        (json!({"jsCode": ""}), "empty"),
        (json!({"jsCode": " \" "}), "nothing but spaces and quotes"),
        (json!({"jsCode": "undefined"}), "a variable never set"),
        (json!({"jsCode": "null"}), "a variable never set"),
        (json!({"jsCode": "NaN"}), "a variable never set"),
        (json!({"jsCode": "[object Object]"}), "an object made text"),
        (json!({"jsCode": 12}), "a number"),
        (json!({"jsCode": ["a"]}), "an array"),
        (json!({"jsCode": {"code": "a"}}), "an object"),
        (json!({"jsCode": true}), "a boolean"),
        (json!({"jsCode": too_long}), "129 characters"),
        (json!({"jsCode": "a\u{7}b"}), "a control character"),
        (json!({"jsCode": "微信"}), "not ASCII"),
        (json!({"jscode": "a"}), "a name that is not documented"),
    ] {
        let answer = page.json(PATH, body).await;
        answer.assert_error(400, 40000, "invalid_request", false);
        assert!(answer.text("msg").contains("jsCode"), "{reason}");
    }
    page.form(PATH, &[("jsCode", "undefined")]).await.assert_error(
        400,
        40000,
        "invalid_request",
        false,
    );
    assert_eq!(world.wechat.calls().total, 0);
}

#[actix_rt::test]
async fn every_errcode_has_its_row_in_the_error_table() {
    let world = World::new();
    let server = world.server_with(&[("WX_TIMEOUT_MS", "300")]);
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
    let server = world.server_with(&[("WX_TIMEOUT_MS", "500")]);
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
    let stored = world.database.column("session_key", "FROM sessions");
    assert_eq!(stored.len(), 3);
    assert!(stored.contains(&Some(key)));
}

#[actix_rt::test]
async fn the_unionid_is_kept_current() {
    let world = World::new();
    let server = world.server();
    let page = server.client();

    for (told, stored) in [
        (None, None),
        (Some("u-one"), Some("u-one")),
        (Some("u-two"), Some("u-two")),
        (None, Some("u-two")),
    ] {
        world.wechat.set_unionid("alice", told);
        let code = world.wechat.login("alice");
        page.json(PATH, json!({"jsCode": code})).await.assert_ok();
        assert_eq!(world.database.value("unionid", "FROM users").as_deref(), stored, "{told:?}");
    }
}

#[actix_rt::test]
async fn the_same_key_brought_again_gets_older_from_its_first_time_and_lives_on() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.json(PATH, json!({"jsCode": world.wechat.login("alice")})).await.assert_ok();
    world.database.age_keys(1_000);

    let answer = page.json(PATH, json!({"jsCode": world.wechat.login("alice")})).await;

    assert_eq!(answer.json()["expiresIn"], 259_200);
    let age =
        world.database.value("issued_at - INTERVAL 999 SECOND > first_seen_at", "FROM sessions");
    assert_eq!(age.as_deref(), Some("1"));
}

#[actix_rt::test]
async fn a_shorter_ttl_takes_nothing_from_keys_that_are_stored() {
    let world = World::new();
    let code = world.wechat.login("alice");
    world.server().client().json(PATH, json!({"jsCode": code})).await.assert_ok();
    let server = world.server_with(&[("SESSION_TTL_SECONDS", "60")]);
    let page = server.client();

    let same_key = page.json(PATH, json!({"jsCode": world.wechat.login("alice")})).await;
    let new_key = page.json(PATH, json!({"jsCode": world.wechat.login_rotating("alice")})).await;

    let left = same_key.json()["expiresIn"].as_i64().expect("a number");
    assert!((259_100..=259_200).contains(&left), "expiry never moves back: {left}");
    assert_eq!(new_key.json()["expiresIn"], 60);
}

#[actix_rt::test]
async fn concurrent_logins_of_one_user_over_two_servers_keep_every_key() {
    let world = World::new();
    let servers = [world.server(), world.server()];
    let codes: Vec<String> = (0..32).map(|_| world.wechat.login_rotating("alice")).collect();
    world.wechat.hold();

    let posts: Vec<_> = codes
        .iter()
        .enumerate()
        .map(|(index, code)| {
            let (page, body) = (servers[index % 2].client(), json!({"jsCode": code}));
            actix_rt::spawn(async move { page.json(PATH, body).await })
        })
        .collect();
    world.wechat.wait_for_waiting(32).await;
    world.wechat.release();
    for post in posts {
        post.await.expect("no post panics").assert_ok();
    }

    assert_eq!(world.database.count("FROM users"), 1);
    assert_eq!(world.database.count("FROM sessions"), 32);
}

#[actix_rt::test]
async fn more_exchanges_than_are_allowed_at_once_are_told_to_come_back() {
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[("WX_TIMEOUT_MS", "20000")]);
    let page = server.client();
    world.wechat.hold();

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
        if answer.status == 200 {
            continue;
        }
        answer.assert_error(503, 50301, "busy", false);
        assert_eq!(answer.header("retry-after"), Some("1"));
        busy += 1;
    }

    assert!((1..=76).contains(&busy), "{busy} refused; {refused}");
}
