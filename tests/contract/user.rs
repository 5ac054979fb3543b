//! `POST /user`, and the envelope.

use serde_json::json;
use wxauth_sandbox::PhoneOptions;

use crate::harness::World;

#[actix_rt::test]
async fn one_call_logs_in_and_stores_the_phone_and_a_second_tap_gets_the_same_answer() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    let data = world.wechat.phone("alice");

    let first = page.post_user(&code, &data).await;
    let form = [("js_code", &*code), ("encryptedData", &data.encrypted_data), ("iv", &data.iv)];
    let second = page.form("/user", &form).await;

    first.assert_ok();
    let openid = world.wechat.openid("alice");
    let expected = json!({
        "code": 0,
        "msg": "ok",
        "data": {"openId": openid, "userId": 1, "phone": "13580006666"},
    });
    assert_eq!(first.json(), expected);
    assert_eq!(second.fingerprint(), first.fingerprint());
    assert_eq!(world.wechat.exchanges_of(&code), 1);
}

#[actix_rt::test]
async fn wx_login_in_the_taps_callback_works_for_anyone_who_logged_in_before() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.log_in(&world, "alice").await;

    // The mistake of 2023: the phone is encrypted first, and then wx.login replaces the key.
    let data = world.wechat.phone("alice");
    let code = world.wechat.login_rotating("alice");
    let answer = page.post_user(&code, &data).await;

    answer.assert_ok();
    assert_eq!(answer.json()["data"]["phone"], "13580006666");
    server.wait_for_line("key=2/2");
}

#[actix_rt::test]
async fn where_no_server_can_answer_the_login_is_kept_and_the_next_tap_succeeds() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    world.wechat.login("alice");
    let data = world.wechat.phone("alice");
    let code = world.wechat.login_rotating("alice");

    let first = page.post_user(&code, &data).await;
    let second = page.post_user(&code, &world.wechat.phone("alice")).await;

    first.assert_error(401, 40103, "decrypt_failed", true);
    second.assert_ok();
}

#[actix_rt::test]
async fn a_changed_phone_goes_to_the_history() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let mut user_ids = Vec::new();
    for number in ["13580000001", "13580000002"] {
        let code = world.wechat.login_rotating("alice");
        let options =
            PhoneOptions { phone_number: Some(number.to_owned()), ..PhoneOptions::default() };
        let data = world.wechat.phone_with("alice", options);
        let answer = page.post_user(&code, &data).await;
        answer.assert_ok();
        user_ids.push(answer.json()["data"]["userId"].clone());
    }

    assert_eq!(user_ids[0], user_ids[1]);
    let stored = world.database.value("phone_number", "FROM users");
    assert_eq!(stored.as_deref(), Some("13580000002"));
    let history = world.database.value("phone_number", "FROM phone_history");
    assert_eq!(history.as_deref(), Some("13580000001"));
}

#[actix_rt::test]
async fn a_field_that_cannot_be_used_costs_no_code() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    let block = "AAAAAAAAAAAAAAAAAAAAAA==";

    for (body, field) in [
        (json!({"encryptedData": block, "iv": block}), "jsCode"),
        (json!({"code": code, "iv": block}), "encryptedData"),
        (json!({"code": code, "encryptedData": "undefined", "iv": block}), "encryptedData"),
        (json!({"code": code, "encryptedData": block, "iv": "AAAA"}), "iv"),
    ] {
        let answer = page.json("/user", body).await;
        answer.assert_error(400, 40000, "invalid_request", false);
        assert!(answer.text("msg").contains(field));
    }
    assert_eq!(world.wechat.calls().total, 0);
}

#[actix_rt::test]
async fn envelope_puts_the_same_answers_under_data_and_leaves_errors_alone() {
    let world = World::new();
    let flat_server = world.server();
    let enveloped_server = world.server_with(&[("RESPONSE_SHAPE", "envelope")]);
    let (flat, enveloped) = (flat_server.client(), enveloped_server.client());
    let code = world.wechat.login("alice");
    let openid = world.wechat.openid("alice");

    let login = [flat.post_code(&code).await, enveloped.post_code(&code).await];
    let data = world.wechat.phone("alice");
    let phone = [flat.post_phone(&openid, &data).await, enveloped.post_phone(&openid, &data).await];

    for [flat, enveloped] in [login, phone] {
        enveloped.assert_ok();
        assert_eq!(enveloped.json(), json!({"code": 0, "msg": "ok", "data": flat.json()}));
    }
    enveloped.post_phone("oNobody", &data).await.assert_error(401, 40100, "login_required", true);
}
