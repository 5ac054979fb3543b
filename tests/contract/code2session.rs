//! `POST /code2Session`.

use serde_json::{Value, json};

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
            |code| json!({"code": "not-this-one", "jscode": "[object Object]", "js_code": code}),
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
        (json!({"jsCODE": "a"}), "a name that is not documented"),
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
