//! What pages meet in production: the site file that people are given, in a real nginx.

use serde_json::json;

use crate::harness::{Nginx, World};

const JSON: &str = "Content-Type: application/json";

#[actix_rt::test]
async fn a_page_logs_in_and_opens_a_phone_over_tls() {
    let world = World::new();
    let server = world.server();
    let nginx = Nginx::before(server.address());
    nginx.play(&world.wechat, &["-H", JSON]);
}

#[actix_rt::test]
async fn no_log_holds_a_query_and_a_long_one_arrives() {
    let world = World::new();
    let server = world.server();
    let nginx = Nginx::before(server.address());
    let data = "canary%2B".repeat(1_500);
    let answer = nginx.ask(&format!("/getWXUserPhone?openid=oCanary&encryptedData={data}"), &[]);
    answer.assert_error(400, 40000, "invalid_request", false);
    let id = answer.header("x-request-id").expect("every answer has one").to_owned();
    server.line("GET /getWXUserPhone").await;

    let (log, ours) = (nginx.log(), server.log());
    assert!(log.contains(&format!("GET /getWXUserPhone {}", answer.status)), "{log}");
    assert!(log.contains(&id) && ours.contains(&id), "one id leads through both logs: {log}{ours}");
    assert!(!log.to_lowercase().contains("canary"), "{log}");
    assert!(!ours.to_lowercase().contains("canary"), "{ours}");
}

#[actix_rt::test]
async fn the_phones_own_address_is_logged_whatever_the_phone_says_of_it() {
    let world = World::new();
    let server = world.server_with(&[("TRUSTED_PROXIES", "127.0.0.1/32")]);
    let nginx = Nginx::before(server.address());
    let forged = "X-Forwarded-For: 192.0.2.7";
    nginx.ask("/healthz", &["--interface", "127.0.0.9", "-H", forged]).assert_ok();
    let line = server.line("GET /healthz").await;
    assert!(line.contains("client=127.0.0.9") && !line.contains("192.0.2.7"), "{line}");
}

#[test]
fn what_is_too_large_is_refused_in_our_own_words() {
    let world = World::new();
    let server = world.server();
    let nginx = Nginx::before(server.address());
    let body = json!({"jsCode": "c".repeat(100_000)}).to_string();
    let answer = nginx.ask("/code2Session", &["-H", JSON, "-d", &body]);
    answer.assert_error(413, 41300, "payload_too_large", false);
}

#[test]
fn without_a_server_pages_get_an_answer_that_they_can_read() {
    let world = World::new();
    let server = world.server();
    let nginx = Nginx::before(server.address());
    server.signal("TERM");
    server.wait();
    let answer = nginx.ask("/code2Session?jsCode=canary", &["-H", JSON, "-d", "{}"]);
    answer.assert_error(503, 50301, "busy", false);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(!nginx.log().contains("canary"), "{}", nginx.log());
}

#[test]
fn plain_http_leads_to_https_without_the_query() {
    let world = World::new();
    let server = world.server();
    let nginx = Nginx::before(server.address());
    let answer = nginx.ask_plainly("/code2Session?jsCode=canary");
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("location"), Some("https://api.example.com/code2Session"));
    assert!(!nginx.log().contains("canary"), "{}", nginx.log());
}
