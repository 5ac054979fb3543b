//! The face that a person with curl sees.

mod client;

use client::{block_on, exchange, exchange_meanwhile, get, post, start};
use serde_json::json;

#[test]
fn a_person_plays_a_login_and_a_phone_with_two_commands() {
    let sandbox = start();
    let login = post(&sandbox, "/sandbox/login", r#"{"user":"alice"}"#).json();
    let code = login["code"].as_str().unwrap();
    assert_eq!(exchange(&sandbox, code).json()["openid"], *sandbox.openid("alice"));

    let key = sandbox.session_key("alice");
    post(&sandbox, "/sandbox/login", r#"{"user":"alice","rotate":true}"#);
    assert_ne!(sandbox.session_key("alice"), key);

    let phone = r#"{"user":"alice","plaintext":"seventeen letters"}"#;
    let phone = post(&sandbox, "/sandbox/phone", phone).json();
    assert_eq!(phone["encryptedData"].as_str().unwrap().len(), 44);
    assert_eq!(phone["iv"].as_str().unwrap().len(), 24);
}

#[test]
fn a_phone_without_a_login_is_a_clear_404() {
    let answer = post(&start(), "/sandbox/phone", r#"{"user":"bob"}"#);
    assert_eq!(answer.status(), 404);
    let error = answer.json()["error"].to_string();
    assert!(error.contains("POST /sandbox/login first"), "{error}");
}

#[test]
fn faults_are_ordered_by_name() {
    let sandbox = start();
    let orders = [
        (r#"{"fault":"busy"}"#, Some(-1)),
        (r#"{"fault":{"errcode":40013},"times":1}"#, Some(40013)),
        (r#"{"fault":{"delay":1}}"#, Some(40029)),
    ];
    for (order, errcode) in orders {
        assert_eq!(post(&sandbox, "/sandbox/fail", order).status(), 200, "{order}");
        assert_eq!(exchange(&sandbox, "x").errcode(), errcode, "{order}");
    }
    let endless = r#"{"fault":"server_error","times":18446744073709551615}"#;
    assert_eq!(post(&sandbox, "/sandbox/fail", endless).status(), 200);
    assert_eq!(exchange(&sandbox, "x").status(), 500);
}

#[test]
fn style_unionid_block_and_age_act_on_later_exchanges() {
    let sandbox = start();
    post(&sandbox, "/sandbox/style", r#"{"expiresIn":true}"#);
    post(&sandbox, "/sandbox/unionid", r#"{"user":"alice","unionid":"u"}"#);
    let answer = exchange(&sandbox, &sandbox.login("alice")).json();
    assert_eq!((&answer["expires_in"], &answer["unionid"]), (&7200.into(), &"u".into()));

    let code = sandbox.login("alice");
    post(&sandbox, "/sandbox/block", r#"{"user":"alice"}"#);
    assert_eq!(exchange(&sandbox, &code).errcode(), Some(40226));
    post(&sandbox, "/sandbox/age", r#"{"seconds":18446744073709551615}"#);
    assert_eq!(exchange(&sandbox, &code).errcode(), Some(40029));
}

#[test]
fn answers_are_held_and_released() {
    let sandbox = start();
    post(&sandbox, "/sandbox/hold", "");
    let held = exchange_meanwhile(&sandbox, "x");
    block_on(sandbox.wait_for_waiting(1));
    post(&sandbox, "/sandbox/release", "");
    assert_eq!(held.join().expect("no thread panics").errcode(), Some(40029));
}

#[test]
fn calls_are_shown() {
    let sandbox = start();
    exchange(&sandbox, &sandbox.login("alice"));
    exchange(&sandbox, "x");
    assert_eq!(
        get(&sandbox, "/sandbox/calls").json(),
        json!({ "total": 2, "succeeded": 1, "by_errcode": { "40029": 1 }, "spoiled": 0 })
    );
}

#[test]
fn an_exchange_is_shown_with_the_fingerprint_of_its_key() {
    let sandbox = start();
    let code = sandbox.login("alice");
    let answer = exchange(&sandbox, &code).json();
    exchange(&sandbox, &code);

    let exchanges = get(&sandbox, &format!("/sandbox/exchanges?code={code}")).json();
    let key = get(&sandbox, "/sandbox/key?user=alice").json();
    assert_eq!(key["openid"], answer["openid"]);
    assert_eq!(exchanges[0]["errcode"], 0);
    assert_eq!(exchanges[0]["keyFingerprint"], key["keyFingerprint"]);
    assert_eq!(key["keyFingerprint"].as_str().map(str::len), Some(16));
    assert_eq!(
        (&exchanges[1]["errcode"], &exchanges[1]["keyFingerprint"]),
        (&40163.into(), &json!(null))
    );
    assert!(exchanges[0]["at"].as_u64() <= exchanges[1]["at"].as_u64());
    assert_eq!(exchanges.as_array().map(Vec::len), Some(2));

    sandbox.login_rotating("alice");
    let replaced = get(&sandbox, "/sandbox/key?user=alice").json();
    assert_ne!(replaced["keyFingerprint"], key["keyFingerprint"]);
    assert_eq!(get(&sandbox, "/sandbox/key?user=bob").status(), 404);
    assert_eq!(get(&sandbox, "/sandbox/key").status(), 400);
}

#[test]
fn the_front_page_lists_every_command() {
    let page = get(&start(), "/").body;
    for command in [
        "login",
        "phone",
        "fail",
        "style",
        "unionid",
        "block",
        "age",
        "hold",
        "release",
        "calls",
        "exchanges",
        "key",
    ] {
        assert!(page.contains(&format!("http://sandbox/sandbox/{command}")), "{command}");
    }
}

#[test]
fn bad_input_is_a_clear_400() {
    let sandbox = start();
    let long = format!(r#"{{"user":"{}"}}"#, "a".repeat(101));
    let cases = [
        ("login", "", "EOF"),
        ("login", "user=alice", "expected"),
        ("login", "[]", "invalid length"),
        ("login", r#"{"user":7}"#, "invalid type"),
        ("login", r#"{"user":""}"#, "user must have 1 to 100 bytes"),
        ("login", &long, "user must have 1 to 100 bytes"),
        ("login", r#"{"user":"alice","rotated":true}"#, "rotated"),
        ("phone", r#"{"user":"alice","countryCode":86}"#, "invalid type"),
        ("fail", r#"{"fault":"errcode"}"#, "invalid type"),
        ("fail", r#"{"fault":"bad"}"#, "unknown variant"),
        ("fail", r#"{"fault":"busy","times":-1}"#, "invalid value"),
        ("style", r#"{"expires":true}"#, "unknown field"),
        ("age", r#"{"seconds":"1"}"#, "invalid type"),
    ];
    for (command, body, expected) in cases {
        let answer = post(&sandbox, &format!("/sandbox/{command}"), body);
        let beginning = &body[..body.len().min(60)];
        assert_eq!(answer.status(), 400, "{command} {beginning}");
        let error = answer.json()["error"].to_string();
        assert!(error.contains(expected), "{command} {beginning}: {error}");
    }
    assert_eq!(get(&sandbox, "/sandbox/nothing").status(), 404);
}
