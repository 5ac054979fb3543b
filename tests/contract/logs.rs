//! What the log says, and what it never says.

use serde_json::json;
use wxauth_sandbox::{Fault, PhoneOptions};

use crate::harness::World;

#[actix_rt::test]
async fn one_line_a_request_tells_what_an_operator_asks_for() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    let openid = page.json("/code2Session", json!({"jsCode": code})).await.text("openid");
    let data = world.wechat.phone("alice");
    let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
    page.json("/getWXUserPhone", body).await.assert_ok();
    page.get("/nowhere").await;

    let shortened = &openid[..6];
    for (path, rest) in [
        ("POST /code2Session", format!("openid={shortened}…")),
        ("POST /getWXUserPhone", format!("openid={shortened}… key=1/1")),
        ("GET /nowhere", "status=404 error=not_found".to_owned()),
    ] {
        let line = server.wait_for_line(path);
        assert!(
            line.contains(&rest) && line.contains(" ms=") && line.contains("request_id="),
            "{line}"
        );
        assert_eq!(server.log().matches(path).count(), 1);
    }
}

#[actix_rt::test]
async fn no_secret_reaches_the_log_even_at_trace_level() {
    let world = World::new();
    let server = world.server_with(&[("RUST_LOG", "trace"), ("WX_TIMEOUT_MS", "2000")]);
    let page = server.client();
    let mut secrets = vec![world.wechat.secret().to_owned(), "wxauth:".to_owned()];
    let mut log_in = async |fault: Option<Fault>| {
        let code = world.wechat.login_rotating("alice");
        world.wechat.clear_faults();
        if let Some(fault) = fault {
            world.wechat.fail_next(fault, 100);
        }
        secrets.push(code.clone());
        secrets.push(world.wechat.session_key("alice").expect("alice logged in"));
        page.json("/code2Session", json!({"jsCode": code})).await;
    };
    log_in(None).await;
    for fault in [
        Fault::Busy,
        Fault::Errcode(40029),
        Fault::Errcode(40125),
        Fault::Hang,
        Fault::Reset,
        Fault::LostAnswer,
        Fault::Garbage,
        Fault::ServerError,
        Fault::Redirect,
        Fault::Truncated,
        Fault::TruncatedBody,
        Fault::Oversized,
        Fault::ShortKey,
    ] {
        log_in(Some(fault)).await;
    }
    log_in(None).await;

    let openid = world.wechat.openid("alice");
    secrets.push(openid.clone());
    let number = "13912345678".to_owned();
    let data = world.wechat.phone_with(
        "alice",
        PhoneOptions { phone_number: Some(number.clone()), ..PhoneOptions::default() },
    );
    let foreign = world.wechat.phone_with(
        "alice",
        PhoneOptions {
            appid: Some("wxother".to_owned()),
            phone_number: Some(number.clone()),
            ..PhoneOptions::default()
        },
    );
    for data in [&data, &foreign] {
        let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
        page.json("/getWXUserPhone", body).await;
        secrets.push(data.encrypted_data.clone());
        secrets.push(data.iv.clone());
    }
    secrets.push(number);
    page.post("/code2Session", "application/json", "{\"jsCode\":\"canary-in-a-broken-body").await;
    page.form("/code2Session?jsCode=canary-in-a-query", &[("jsCode", "canary-in-a-form")]).await;
    secrets.push("canary".to_owned());
    // The database refuses the number with an error that quotes it.
    world.database.insert_login("oOther", "AAAAAAAAAAAAAAAAAAAAAA==");
    world.database.execute(
        "UPDATE users SET phone_number = '13580006666' WHERE openid = 'oOther';
         ALTER TABLE users ADD UNIQUE KEY quoting (phone_number)",
    );
    let data = world.wechat.phone("alice");
    let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
    page.json("/getWXUserPhone", body).await.assert_error(500, 50000, "internal_error", false);
    secrets.push("13580006666".to_owned());
    server.signal("TERM");
    let (_, log) = server.wait();

    assert!(log.contains(" DEBUG "), "the log is as talkative as it gets");
    assert!(!log.contains(" TRACE "), "but for our packages, who write whole requests there");
    for secret in secrets {
        assert!(!log.contains(&secret), "a secret is in the log: {secret}");
    }
}
