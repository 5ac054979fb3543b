//! The old design: what it can do, and each of the ways in which it fails.

mod client;

use client::{Answer, get, post, start};
use serde_json::{Value, json};
use wxauth_sandbox::{EncryptedData, Fault, Sandbox};

fn log_in(sandbox: &Sandbox, code: &str) -> Answer {
    post(sandbox, "/old-design/code2Session", &json!({ "jsCode": code }).to_string())
}

fn tap(sandbox: &Sandbox, data: &EncryptedData) -> Answer {
    post(sandbox, "/old-design/getWXUserPhone", &fields("openid", &sandbox.openid("alice"), data))
}

fn fields(name: &str, value: &str, data: &EncryptedData) -> String {
    json!({ name: value, "encryptedData": data.encrypted_data, "iv": data.iv }).to_string()
}

fn stored_key(sandbox: &Sandbox) -> Value {
    let path = format!("/old-design/key?openid={}", sandbox.openid("alice"));
    get(sandbox, &path).json()["keyFingerprint"].clone()
}

#[test]
fn a_login_and_a_tap_succeed() {
    let sandbox = start();
    assert_eq!(stored_key(&sandbox), Value::Null);
    let answer = log_in(&sandbox, &sandbox.login("alice"));
    assert_eq!(answer.json(), json!({ "openid": sandbox.openid("alice") }));
    let current = get(&sandbox, "/sandbox/key?user=alice").json()["keyFingerprint"].clone();
    assert_eq!(stored_key(&sandbox), current);
    assert_eq!(tap(&sandbox, &sandbox.phone("alice")).json()["phoneNumber"], "13580006666");
}

#[test]
fn both_in_one_call_succeed() {
    let sandbox = start();
    let code = sandbox.login("alice");
    let answer =
        post(&sandbox, "/old-design/user", &fields("code", &code, &sandbox.phone("alice")));
    assert_eq!(answer.json()["phoneNumber"], "13580006666");
}

#[test]
fn a_replaced_key_opens_nothing_any_more() {
    let sandbox = start();
    log_in(&sandbox, &sandbox.login("alice"));
    let data = sandbox.phone("alice");
    log_in(&sandbox, &sandbox.login_rotating("alice"));
    assert_eq!(tap(&sandbox, &data).status(), 400);
    assert_eq!(tap(&sandbox, &sandbox.phone("alice")).status(), 200, "the second tap works");

    let data = sandbox.phone("alice");
    let code = sandbox.login_rotating("alice");
    let answer = post(&sandbox, "/old-design/user", &fields("code", &code, &data));
    assert_eq!(answer.status(), 400, "a login in the tap's callback");
}

#[test]
fn a_login_that_is_late_is_not_waited_for() {
    let sandbox = start();
    log_in(&sandbox, &sandbox.login("alice"));
    let late = sandbox.login_rotating("alice");
    let data = sandbox.phone("alice");
    assert_eq!(tap(&sandbox, &data).status(), 400);
    log_in(&sandbox, &late);
    assert_eq!(tap(&sandbox, &data).status(), 200);
}

#[test]
fn a_code_that_is_posted_again_is_refused() {
    let sandbox = start();
    let code = sandbox.login("alice");
    assert_eq!(log_in(&sandbox, &code).status(), 200);
    assert_eq!(log_in(&sandbox, &code).status(), 400);
}

#[test]
fn what_cannot_be_read_or_exchanged_is_refused() {
    let sandbox = start();
    sandbox.fail_next(Fault::Busy, 1);
    assert_eq!(log_in(&sandbox, &sandbox.login("alice")).status(), 400);
    sandbox.fail_next(Fault::LostAnswer, 1);
    assert_eq!(log_in(&sandbox, &sandbox.login("alice")).status(), 400);
    assert_eq!(log_in(&sandbox, "").status(), 400);

    log_in(&sandbox, &sandbox.login("alice"));
    for (encrypted_data, iv) in [("", ""), ("!", "!"), ("AAAA", "AAAA")] {
        let data = EncryptedData { encrypted_data: encrypted_data.into(), iv: iv.into() };
        assert_eq!(tap(&sandbox, &data).status(), 400, "{data:?}");
    }
}
