//! What Prometheus reads: every family moves with real requests, and none tells a secret.

use std::net::TcpListener;

use serde_json::json;
use wxauth_sandbox::Fault;

use crate::harness::{METRICS, Reader, Server, World, docs_page};

#[actix_rt::test]
async fn requests_are_counted_by_endpoint_and_outcome() {
    let world = World::new();
    let server = world.server_with(&[METRICS, ("LOGIN_GRACE_MS", "0")]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let openid = page.log_in(&world, "alice").await;
    page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();
    page.post_phone("oNobody", &world.wechat.phone("alice")).await;
    page.post_user(&world.wechat.login("alice"), &world.wechat.phone("alice")).await.assert_ok();
    page.json("/code2Session", json!({})).await;
    page.send("PUT", "/user", &[], Vec::new()).await;
    page.get("/healthz").await;
    page.get("/readyz").await;
    page.get("/oCanary/1").await;
    page.get("/oCanary/2").await;

    let requests = [
        (r#"{endpoint="/code2Session",outcome="ok"}"#, 1),
        (r#"{endpoint="/code2Session",outcome="invalid_request"}"#, 1),
        (r#"{endpoint="/getWXUserPhone",outcome="ok"}"#, 1),
        (r#"{endpoint="/getWXUserPhone",outcome="login_required"}"#, 1),
        (r#"{endpoint="/user",outcome="ok"}"#, 1),
        (r#"{endpoint="/user",outcome="method_not_allowed"}"#, 1),
        (r#"{endpoint="/healthz",outcome="ok"}"#, 1),
        (r#"{endpoint="/readyz",outcome="ok"}"#, 1),
        (r#"{endpoint="other",outcome="not_found"}"#, 2),
        (r#"{endpoint="/user",outcome="internal_error"}"#, 0),
    ];
    let durations = [
        (r#"{endpoint="/code2Session"}"#, 2),
        (r#"{endpoint="/getWXUserPhone"}"#, 2),
        (r#"{endpoint="/user"}"#, 2),
        (r#"{endpoint="other"}"#, 2),
    ];
    let text = reader.text().await;
    for (labels, count) in requests {
        let series = format!("wxauth_requests_total{labels}");
        assert_eq!(Reader::value(&text, &series), f64::from(count), "{series} in {text}");
    }
    for (labels, count) in durations {
        let series = format!("wxauth_request_duration_seconds_count{labels}");
        assert_eq!(Reader::value(&text, &series), f64::from(count), "{series} in {text}");
        let sum = format!("wxauth_request_duration_seconds_sum{labels}");
        assert!(Reader::value(&text, &sum) > 0.0, "{text}");
    }
}

#[actix_rt::test]
async fn wechats_answers_are_counted_by_errcode_or_what_else_came_of_asking() {
    let world = World::new();
    let server = world.server_with(&[METRICS, ("WX_TIMEOUT_MS", "2000"), ("LOGIN_GRACE_MS", "0")]);
    let (page, reader) = (server.client(), Reader::of(&server));
    page.log_in(&world, "alice").await;
    for fault in [
        Fault::Busy,
        Fault::Errcode(40029),
        Fault::Errcode(45011),
        Fault::Errcode(47999),
        Fault::Reset,
        Fault::ServerError,
        Fault::Garbage,
        Fault::MissingKey,
        Fault::Hang,
    ] {
        world.wechat.fail_next(fault, 1);
        page.post_code(&world.wechat.login("alice")).await;
    }

    let attempts = |result: &str| format!("wxauth_wechat_attempts_total{{result=\"{result}\"}}");
    let text = reader.text().await;
    for (result, count) in [
        // The login, and the second attempt after -1.
        ("ok", 2),
        ("-1", 1),
        ("40029", 1),
        ("45011", 1),
        ("40163", 0),
        ("other", 1),
        ("transport", 1),
        ("unusable", 3),
        ("timeout", 1),
        ("no_connection", 0),
    ] {
        let value = Reader::value(&text, &attempts(result));
        assert_eq!(value, f64::from(count), "{result} in {text}");
    }
    let exchanges = "wxauth_wechat_exchange_duration_seconds";
    assert_eq!(Reader::value(&text, &format!("{exchanges}_count")), 10.0, "{text}");
    assert!(Reader::value(&text, &format!("{exchanges}_sum")) >= 2.0, "{text}");

    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let nowhere = format!("http://{}", free.expect("a free port"));
    let server = world.server_with(&[METRICS, ("WX_API_BASE", &nowhere), ("WX_TIMEOUT_MS", "300")]);
    server.client().post_code("0canary").await.assert_error(502, 50200, "wechat_error", false);
    let text = Reader::of(&server).text().await;
    assert!(Reader::value(&text, &attempts("no_connection")) >= 1.0, "{text}");
}

#[actix_rt::test]
async fn the_key_that_opened_and_what_it_took_are_counted() {
    let world = World::new();
    let server = world.server_with(&[METRICS, ("LOGIN_GRACE_MS", "20000"), ("RUST_LOG", "debug")]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let openid = page.log_in(&world, "alice").await;
    let old = world.wechat.phone("alice");
    world.database.age_keys(7_200);
    page.log_in_rotating(&world, "alice").await;
    page.post_phone(&openid, &old).await.assert_ok();
    reader
        .assert(&[
            (r#"wxauth_key_place_bucket{le="1.0"}"#, 0),
            (r#"wxauth_key_place_bucket{le="2.0"}"#, 1),
            (r#"wxauth_key_age_seconds_bucket{le="3600.0"}"#, 0),
            (r#"wxauth_key_age_seconds_bucket{le="10800.0"}"#, 1),
            ("wxauth_late_logins_rescued_total", 0),
            ("wxauth_waiting_requests", 0),
            (r#"wxauth_repairs_total{kind="quotes"}"#, 0),
        ])
        .await;

    let code = world.wechat.login_rotating("alice");
    let mut data = world.wechat.phone("alice");
    data.iv = format!("\"{}\"", data.iv);
    let tap_page = page.clone();
    let tap = actix_rt::spawn(async move { tap_page.post_phone(&openid, &data).await });
    server.line("waiting for a late login").await;
    reader.assert(&[("wxauth_waiting_requests", 1)]).await;
    page.post_code(&code).await.assert_ok();
    tap.await.expect("the tap does not panic").assert_ok();

    reader
        .assert(&[
            (r#"wxauth_key_place_bucket{le="1.0"}"#, 1),
            ("wxauth_key_place_count", 2),
            ("wxauth_key_age_seconds_count", 2),
            ("wxauth_late_logins_rescued_total", 1),
            ("wxauth_waiting_requests", 0),
            (r#"wxauth_repairs_total{kind="quotes"}"#, 1),
            (r#"wxauth_repairs_total{kind="padding"}"#, 0),
        ])
        .await;
}

#[actix_rt::test]
async fn codes_that_are_answered_again_are_counted_wherever_their_answer_comes_from() {
    const AGAIN: &str = "wxauth_codes_answered_again_total";
    let world = World::new();
    let server = world.server_with(&[METRICS]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let code = world.wechat.login("alice");
    page.post_code(&code).await.assert_ok();
    reader.assert(&[(AGAIN, 0)]).await;
    page.post_code(&code).await.assert_ok();
    reader.assert(&[(AGAIN, 1)]).await;

    let elsewhere = world.wechat.login("bob");
    world.server().client().post_code(&elsewhere).await.assert_ok();
    page.post_code(&elsewhere).await.assert_ok();
    reader.assert(&[(AGAIN, 2)]).await;

    world.wechat.hold();
    let shared = world.wechat.login("carol");
    let posts = (0..3).map(|_| {
        let (page, shared) = (page.clone(), shared.clone());
        actix_rt::spawn(async move { page.post_code(&shared).await })
    });
    let posts: Vec<_> = posts.collect();
    world.wechat.wait_for_waiting(1).await;
    world.wechat.release();
    for post in posts {
        post.await.expect("no post panics").assert_ok();
    }
    reader.assert(&[(AGAIN, 4)]).await;
}

#[actix_rt::test]
async fn what_purging_removes_is_counted_and_so_are_purges_that_fail() {
    let world = World::new();
    world.server().client().log_in(&world, "alice").await;
    world.database.age_keys(259_201);
    world.database.execute(
        "INSERT INTO further_codes (code_hash, openid, key_fingerprint, brought_at)
         SELECT UNHEX(SHA2('old', 256)), openid, key_fingerprint, '2020-01-01' FROM sessions",
    );
    let server = world.server_with(&[METRICS]);
    server.wait_for_line("removed 1 expired keys");
    let purged = [
        ("wxauth_purged_keys_total", 1),
        ("wxauth_purged_codes_total", 1),
        ("wxauth_purge_failures_total", 0),
    ];
    Reader::of(&server).assert(&purged).await;

    world.database.execute("DROP TABLE further_codes");
    let server = world.server_with(&[METRICS]);
    server.wait_for_line("purging stopped");
    Reader::of(&server).assert(&[("wxauth_purge_failures_total", 1)]).await;
}

#[actix_rt::test]
async fn no_secret_and_nothing_that_a_request_brought_is_told() {
    let world = World::new();
    let server = world.server_with(&[METRICS, ("LOGIN_GRACE_MS", "0")]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let code = world.wechat.login("alice");
    page.post_code(&code).await.assert_ok();
    let openid = world.wechat.openid("alice");
    let data = world.wechat.phone("alice");
    page.post_phone(&openid, &data).await.assert_ok();
    page.post_phone("oCanary", &data).await;
    page.get("/canary?canary").await;
    page.send("CANARY", "/canary", &[("x-request-id", "canary")], Vec::new()).await;
    world.wechat.fail_next(Fault::Errcode(471_147), 1);
    page.post_code("0canary").await;

    let text = reader.text().await;
    let key = world.wechat.session_key("alice").expect("alice logged in");
    let secrets = [world.wechat.secret(), world.wechat.appid(), &code, &openid, &openid[..6], &key];
    for secret in secrets.into_iter().chain([&data.iv, "13580006666", "anary", "471147", "mysql:"])
    {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[actix_rt::test]
async fn the_docs_list_every_family_and_every_outcome_has_its_series() {
    let world = World::new();
    let server = world.server_with(&[METRICS]);
    let text = Reader::of(&server).text().await;

    let docs = docs_page("metrics");
    let listed =
        docs.lines().filter_map(|line| line.strip_prefix("| `wxauth_")?.split(" | ").next());
    let listed = listed.flat_map(|names| names.split(", "));
    let name = |name: &str| name.trim_matches('`').trim_start_matches("wxauth_").to_owned();
    let mut listed: Vec<_> = listed.map(name).collect();
    let types =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE wxauth_")?.split_once(' '));
    let told = types.map(|(name, kind)| match kind {
        "counter" => format!("{name}_total"),
        _ => name.to_owned(),
    });
    let mut told: Vec<_> = told.collect();
    listed.sort();
    told.sort();
    assert_eq!(listed, told);

    let docs = docs_page("http");
    let rows: Vec<Vec<_>> = docs.lines().map(|line| line.split(" | ").collect()).collect();
    let is_error = |row: &&Vec<&str>| row.len() > 3 && row[1].parse::<u32>().is_ok();
    let names: Vec<_> = rows.iter().filter(is_error).map(|row| row[2].trim_matches('`')).collect();
    assert!(names.len() > 10, "{names:?}");
    for outcome in names {
        let series = format!(r#"wxauth_requests_total{{endpoint="/user",outcome="{outcome}"}}"#);
        assert_eq!(Reader::value(&text, &series), 0.0);
    }
}

#[actix_rt::test]
async fn without_the_variable_no_metrics_are_served() {
    let world = World::new();
    let server = world.server();
    let answer = server.client().get("/metrics").await;
    answer.assert_error(404, 40400, "not_found", false);
    assert!(!server.log().contains("metrics at"), "{}", server.log());

    let server = world.server_with(&[METRICS]);
    let answer = server.client().get("/metrics").await;
    answer.assert_error(404, 40400, "not_found", false);
    assert_eq!(Reader::of(&server).0.get("/healthz").await.status, 404);
    server.signal("TERM");
    let (status, log) = server.wait();
    let is_end = |line: &str| line.ends_with("INFO  stopped");
    assert!(status.success() && log.lines().any(is_end), "{log}");
}

#[test]
fn a_busy_address_stops_the_start_with_a_line_that_names_the_variable() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    let variables = [("METRICS_BIND", address.as_str())];
    let (status, log) =
        Server::spawn(&["serve", "--migrate"], &world.variables(), &variables).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains(&format!("cannot listen on METRICS_BIND={address}")), "{log}");
}
