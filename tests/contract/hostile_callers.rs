//! Strangers on the open internet: what they make up must cost real users nothing.

use std::time::{Duration, Instant};

use serde_json::json;
use wxauth_sandbox::{EncryptedData, encrypt};

use crate::harness::{Answer, Client, METRICS, Reader, Server, World};

const LONG_GRACE: (&str, &str) = ("LOGIN_GRACE_MS", "20000");
const GRACE: Duration = Duration::from_secs(20);

/// Data that no key of anybody opens, different for each number.
fn foreign(number: usize) -> EncryptedData {
    encrypt("AAAAAAAAAAAAAAAAAAAAAA==", format!("{{\"number\":{number}}}").as_bytes())
}

async fn post_code_from(page: &Client, code: &str, forwarded_for: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("x-forwarded-for", forwarded_for)];
    let body = json!({"jsCode": code}).to_string().into_bytes();
    page.send("POST", "/code2Session", &headers, body).await
}

#[actix_rt::test]
async fn an_address_that_a_trusted_proxy_names_is_limited_and_no_other() {
    let world = World::new();
    let trusting =
        [("TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.1"), ("REFUSED_CODES_PER_MINUTE", "3")];
    let server = world.server_with(&trusting);
    let page = server.client();
    for (number, forwarded_for) in
        ["1.2.3.4", "6.6.6.6, 1.2.3.4:5678", "1.2.3.4, 10.0.0.1"].iter().enumerate()
    {
        let answer = post_code_from(&page, &format!("made-up-{number}"), forwarded_for).await;
        answer.assert_error(401, 40102, "code_rejected", true);
    }

    let good = world.wechat.login("alice");
    let answer = post_code_from(&page, &good, "1.2.3.4").await;
    answer.assert_error(429, 42900, "rate_limited", false);
    let again_in: u64 =
        answer.header("retry-after").and_then(|it| it.parse().ok()).expect("a number");
    assert!((1..=60).contains(&again_in), "{again_in}");
    assert_eq!(world.wechat.exchanges_of(&good), 0);
    // The same code is good from anywhere else, also from where nobody says who called.
    post_code_from(&page, &good, "1.2.3.5").await.assert_ok();
    page.post_code(&world.wechat.login("alice")).await.assert_ok();
    server.wait_for_line("client=1.2.3.4");
}

#[actix_rt::test]
async fn without_trusted_proxies_nobody_is_believed_and_nobody_is_limited() {
    let world = World::new();
    let server = world.server_with(&[("REFUSED_CODES_PER_MINUTE", "1")]);
    let page = server.client();
    for number in 0..3 {
        let answer = post_code_from(&page, &format!("made-up-{number}"), "1.2.3.4").await;
        answer.assert_error(401, 40102, "code_rejected", true);
    }
    assert!(!server.log().contains("client="));
    server.wait_for_line("TRUSTED_PROXIES is not set");
}

#[actix_rt::test]
async fn made_up_codes_take_no_places_of_logins() {
    const ROOM: usize = 512;
    const MADE_UP: usize = 3_000;
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[("LOGIN_GRACE_MS", "30000"), METRICS]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let mut posts = Vec::new();
    for number in 0..MADE_UP {
        let page = page.clone();
        let post = async move { page.post_code(&format!("made-up-{number}")).await };
        posts.push(actix_rt::spawn(post));
        // Waves that WeChat's connections can take.
        if number % 200 == 199 {
            let refused = "wxauth_wechat_attempts_total{result=\"40029\"}";
            reader.wait_for(refused, number as u32 + 1).await;
        }
    }
    reader.wait_for("wxauth_waiting_requests", ROOM as u32).await;

    let begun = Instant::now();
    page.log_in(&world, "alice").await;
    assert!(begun.elapsed() < GRACE);
    for _ in ROOM..MADE_UP {
        let (index, answer) = first_of(&mut posts).await;
        answer.assert_error(401, 40102, "code_rejected", true);
        drop(posts.swap_remove(index));
    }
    assert!(begun.elapsed() < GRACE, "those that found no room were told at once");
}

/// The first post that is answered, and its place.
async fn first_of(posts: &mut [actix_rt::task::JoinHandle<Answer>]) -> (usize, Answer) {
    std::future::poll_fn(|cx| {
        for (index, post) in posts.iter_mut().enumerate() {
            if let std::task::Poll::Ready(answer) = std::pin::Pin::new(post).poll(cx) {
                return std::task::Poll::Ready((index, answer.expect("no post panics")));
            }
        }
        std::task::Poll::Pending
    })
    .await
}

#[actix_rt::test]
async fn data_that_fails_too_often_is_429_and_what_opens_is_answered_as_ever() {
    let world = World::new();
    let variables = [("FAILED_PHONES_PER_MINUTE", "3"), ("LOGIN_GRACE_MS", "100")];
    let server = world.server_with(&variables);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data: Vec<_> = (0..6).map(foreign).collect();
    for number in [0, 1, 1, 2, 0] {
        let answer = page.post_phone(&openid, &data[number]).await;
        answer.assert_error(401, 40103, "decrypt_failed", true);
    }

    for number in [3, 4, 0] {
        let answer = page.post_phone(&openid, &data[number]).await;
        answer.assert_error(429, 42900, "rate_limited", false);
        assert!(answer.elapsed >= Duration::from_millis(500), "{:?}", answer.elapsed);
        assert!(answer.header("retry-after").is_some());
    }
    page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();
    let other = page.log_in(&world, "bob").await;
    let answer = page.post_phone(&other, &data[0]).await;
    answer.assert_error(401, 40103, "decrypt_failed", true);

    page.log_in_rotating(&world, "alice").await;
    let answer = page.post_phone(&openid, &data[5]).await;
    answer.assert_error(401, 40103, "decrypt_failed", true);
}

#[actix_rt::test]
async fn data_above_the_limit_takes_no_seat() {
    let world = World::new();
    let server = world.server_with(&[("FAILED_PHONES_PER_MINUTE", "1"), LONG_GRACE]);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let (seated, tap_openid) = (page.clone(), openid.clone());
    let first = actix_rt::spawn(async move { seated.post_phone(&tap_openid, &foreign(0)).await });
    first.await.expect("no panic").assert_error(401, 40103, "decrypt_failed", true);

    let answer = page.post_phone(&openid, &foreign(1)).await;
    answer.assert_error(429, 42900, "rate_limited", false);
    assert!(answer.elapsed < GRACE, "{:?}", answer.elapsed);
}

/// Each has the next request under way as soon as the last is answered, so that their connections
/// never wait.
#[actix_rt::test]
async fn callers_who_never_rest_do_not_keep_every_connection() {
    const FILES: u32 = 256;
    // Half of them may be connections of callers.
    const POSTERS: usize = FILES as usize / 2 + 32;
    let world = World::with_rate_limit(None);
    let server = Server::start_with_few_files(FILES, &world.variables());
    server.wait_for_line("connections to 128");
    let openid = server.client().log_in(&world, "alice").await;
    let posters: Vec<_> = (0..POSTERS)
        .map(|number| {
            let (page, openid) = (server.client(), openid.clone());
            actix_rt::spawn(async move {
                loop {
                    // One that is closed begins anew.
                    let data = foreign(number);
                    let body = json!({
                        "openid": openid,
                        "encryptedData": data.encrypted_data,
                        "iv": data.iv,
                    });
                    let headers = [("content-type", "application/json")];
                    let body = body.to_string().into_bytes();
                    let _ = page.try_send("POST", "/getWXUserPhone", &headers, body).await;
                }
            })
        })
        .collect();
    // By then each of them has had its first answer or waits in the queue.
    server.line("rate_limited").await;

    let newcomer = async {
        for _ in 0..10 {
            server.client().post_code(&world.wechat.login("bob")).await.assert_ok();
        }
    };
    let waited = actix_rt::time::timeout(Duration::from_secs(30), newcomer).await;

    posters.iter().for_each(actix_rt::task::JoinHandle::abort);
    assert!(waited.is_ok(), "newcomers found no connection");
}

#[actix_rt::test]
async fn readiness_is_told_to_everybody_who_asks() {
    let world = World::new();
    let server = world.server_with(&[("DATABASE_POOL_SIZE", "1")]);
    let page = server.client();
    let asks: Vec<_> = (0..1_000)
        .map(|_| {
            let page = page.clone();
            actix_rt::spawn(async move { page.get("/readyz").await })
        })
        .collect();
    for ask in asks {
        ask.await.expect("no ask panics").assert_ok();
    }
}

#[actix_rt::test]
async fn readiness_asks_the_database_once_a_second_at_most() {
    const PAUSE: Duration = Duration::from_secs(1);
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let until = async |status| {
        let begun = Instant::now();
        while page.get("/readyz").await.status != status {
            assert!(begun.elapsed() < PAUSE * 20, "never {status}");
        }
    };
    // On a machine that is busy, the second may be over before both have asked.
    for _ in 0..20 {
        until(200).await;
        let asked = Instant::now();
        world.database.execute("RENAME TABLE __diesel_schema_migrations TO away");
        let answer = page.get("/readyz").await;
        let is_in_time = asked.elapsed() < PAUSE * 9 / 10;
        until(503).await;
        world.database.execute("RENAME TABLE away TO __diesel_schema_migrations");
        if is_in_time {
            answer.assert_ok();
            return;
        }
    }
    panic!("the machine is too busy to tell");
}
