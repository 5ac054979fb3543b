//! The rows of the error table that belong to no single endpoint, and the headers of all.

use serde_json::json;

use crate::harness::{Relay, World};

#[actix_rt::test]
async fn unknown_paths_and_methods_are_told_so() {
    let world = World::new();
    let server = world.server();
    let page = server.client();

    for path in ["/", "//", "/code2Session/x", "/code2", "/user/1", "/%00", "/healthz?x#y"] {
        let answer = page.send("DELETE", path, &[], Vec::new()).await;
        if path.starts_with("/healthz") {
            answer.assert_error(405, 40500, "method_not_allowed", false);
        } else {
            answer.assert_error(404, 40400, "not_found", false);
        }
    }
    for path in ["/code2Session", "/getWXUserPhone", "//CODE2session/"] {
        for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
            let answer = page.send(method, path, &[], Vec::new()).await;
            answer.assert_error(405, 40500, "method_not_allowed", false);
            assert_eq!(answer.header("allow"), Some("GET, POST"));
        }
    }
    for path in ["/healthz", "/readyz"] {
        let answer = page.send("POST", path, &[], Vec::new()).await;
        answer.assert_error(405, 40500, "method_not_allowed", false);
        assert_eq!(answer.header("allow"), Some("GET, HEAD"));
    }
}

#[actix_rt::test]
async fn a_body_is_json_or_a_form_of_at_most_64_kib() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let padded = |length: usize| format!(r#"{{"x":"{}"}}"#, "x".repeat(length - 8)).into_bytes();

    for path in ["/code2Session", "/getWXUserPhone"] {
        for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/xml", ""]
        {
            let answer = page.post(path, content_type, "what is this?").await;
            answer.assert_error(415, 41500, "unsupported_media_type", false);
        }
        for body in
            ["", "x", "[]", "null", "\"a\"", "{", "{\"a\":}", "{} {}", "\u{feff}[]", "jsCode"]
        {
            let answer = page.post(path, "application/json", body).await;
            answer.assert_error(400, 40000, "invalid_request", false);
        }
        let not_utf8 = b"{\"jsCode\":\"\xff\"}".to_vec();
        page.post(path, "APPLICATION/JSON;charset=UTF-8", not_utf8).await.assert_error(
            400,
            40000,
            "invalid_request",
            false,
        );
        let deep = format!("{{\"a\":{}", "[".repeat(60_000));
        page.post(path, "application/json", deep).await.assert_error(
            400,
            40000,
            "invalid_request",
            false,
        );

        let at_the_limit = page.post(path, "application/json", padded(64 * 1024)).await;
        assert_eq!(at_the_limit.status, 400, "read, and a field is missing");
        let above = page.post(path, "application/json", padded(64 * 1024 + 1)).await;
        above.assert_error(413, 41300, "payload_too_large", false);
    }
}

#[actix_rt::test]
async fn every_answer_carries_a_request_id_the_callers_if_it_is_sane() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let id_for = |sent: &'static str| {
        let page = page.clone();
        async move {
            let answer = page.send("GET", "/healthz", &[("x-request-id", sent)], Vec::new()).await;
            answer.header("x-request-id").expect("always there").to_owned()
        }
    };

    assert_eq!(id_for("page-1.a_B").await, "page-1.a_B");
    for insane in ["", "two words", "微信", "quote\"", &*"x".repeat(65).leak()] {
        let id = id_for(insane).await;
        assert_ne!(id, insane);
        assert_eq!(id.len(), 16);
    }
    let body = page.get("/healthz").await;
    body.assert_ok();
    assert_eq!(body.json(), json!({"status": "ok"}));
    server.wait_for_line("request_id=page-1.a_B");
}

#[actix_rt::test]
async fn what_the_database_refuses_is_logged_whole_and_tells_the_caller_nothing() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    world.database.execute("DROP TABLE sessions");

    let answer = page.json("/code2Session", json!({"jsCode": world.wechat.login("alice")})).await;

    answer.assert_error(503, 50300, "database_unavailable", false);
    assert!(!String::from_utf8_lossy(&answer.body).contains("sessions"));
    let line = server.wait_for_line("error=database_unavailable cause:");
    assert!(line.contains(" ERROR ") && line.contains("doesn't exist"), "{line}");
}

#[actix_rt::test]
async fn a_database_out_of_reach_is_503_and_the_next_request_after_it_succeeds() {
    let world = World::new();
    let relay = Relay::to(world.database.address());
    let server =
        world.server_with(&[("DATABASE_URL", &world.database.url_through(&relay.address()))]);
    let page = server.client();
    page.get("/readyz").await.assert_ok();
    let code = world.wechat.login("alice");
    page.json("/code2Session", json!({"jsCode": code})).await.assert_ok();

    relay.cut();
    for answer in [
        page.json("/code2Session", json!({"jsCode": world.wechat.login("alice")})).await,
        page.json("/getWXUserPhone", json!({"openid": "o", "encryptedData": "AAAAAAAAAAAAAAAAAAAAAA==", "iv": "AAAAAAAAAAAAAAAAAAAAAA=="})).await,
        page.get("/readyz").await,
    ] {
        answer.assert_error(503, 50300, "database_unavailable", false);
        assert_eq!(answer.header("retry-after"), Some("1"));
    }
    page.get("/healthz").await.assert_ok();

    relay.mend();
    page.json("/code2Session", json!({"jsCode": world.wechat.login("alice")})).await.assert_ok();
    page.get("/readyz").await.assert_ok();
}

#[actix_rt::test]
async fn a_head_request_gets_the_headers_alone() {
    let world = World::new();
    let server = world.server();
    for path in ["/healthz", "/readyz"] {
        let answer = server.client().send("HEAD", path, &[], Vec::new()).await;
        answer.assert_ok();
        assert!(answer.body.is_empty());
    }
}
