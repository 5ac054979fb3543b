//! The app's quota at WeChat is used up.

use std::time::Duration;

use wxauth_sandbox::Fault;

use crate::harness::{Answer, METRICS, Reader, World};

const EXHAUSTED: &str = "the app's quota is used up: logins pause";

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").and_then(|seconds| seconds.parse().ok()).expect("it says when")
}

/// Does as the answer says.
async fn come_again(answer: &Answer) {
    actix_rt::time::sleep(Duration::from_secs(retry_after(answer))).await;
}

#[actix_rt::test]
async fn a_used_up_quota_is_not_drummed_on_and_comes_back_by_itself() {
    let world = World::new();
    let server = world.server_with(&[METRICS]);
    let page = server.client();
    world.wechat.set_quota(Some(1));
    page.log_in(&world, "alice").await;

    for number in 0..50 {
        let answer = page.post_code(&world.wechat.login(&format!("user{number}"))).await;
        answer.assert_error(429, 42901, "quota_exhausted", false);
        assert!((1..=8).contains(&retry_after(&answer)), "{answer:?}");
    }
    let asked = world.wechat.calls().total;
    // One found out, and one more asks after pauses of 2, 4 and 8 s, however slow the machine is.
    assert!(asked <= 5, "{asked}");
    assert!(server.wait_for_line(EXHAUSTED).contains(" ERROR "));
    assert!(server.wait_for_line("errcode 45009").contains("console"), "it says what to do");

    world.wechat.set_quota(None);
    let code = world.wechat.login("alice");
    let mut answer = page.post_code(&code).await;
    while answer.status == 429 {
        come_again(&answer).await;
        answer = page.post_code(&code).await;
    }
    answer.assert_ok();
    server.wait_for_line("the app has quota again");
    assert_eq!(world.wechat.exchanges_of(&code), 1, "the code was kept meanwhile");
    let text = Reader::of(&server).text().await;
    let count = Reader::value(&text, r#"wxauth_wechat_attempts_total{result="45009"}"#);
    assert!((1.0..=6.0).contains(&count), "{count}");
}

#[actix_rt::test]
async fn one_exchange_at_a_time_finds_out_whether_the_quota_is_back() {
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[("WX_TIMEOUT_MS", "20000")]);
    let page = server.client();
    world.wechat.fail_next(Fault::Errcode(45009), 1);
    let refused = page.post_code(&world.wechat.login("alice")).await;
    refused.assert_error(429, 42901, "quota_exhausted", false);
    come_again(&refused).await;

    world.wechat.hold();
    let probe_page = page.clone();
    let code = world.wechat.login("bob");
    let probe = actix_rt::spawn(async move { probe_page.post_code(&code).await });
    world.wechat.wait_for_waiting(1).await;
    for _ in 0..10 {
        let answer = page.post_code(&world.wechat.login("carol")).await;
        answer.assert_error(429, 42901, "quota_exhausted", false);
    }
    assert_eq!(world.wechat.calls().total, 2);
    world.wechat.release();

    probe.await.expect("no login panics").assert_ok();
    page.log_in(&world, "carol").await;
}
