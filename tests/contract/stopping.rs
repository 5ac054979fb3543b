//! SIGTERM and kill -9.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{World, fingerprint};

#[actix_rt::test]
async fn sigterm_under_load_fails_no_accepted_request_and_exits_0() {
    let world = World::with_rate_limit(None);
    let server = world.server();
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..16)
        .map(|number| {
            let (address, wechat) = (server.address().to_owned(), world.wechat.clone());
            let answered = Arc::clone(&answered);
            std::thread::spawn(move || {
                let user = format!("user{number}");
                while log_in_on_a_new_connection(&address, &wechat.login(&user)) {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < 100 {
        std::thread::yield_now();
    }

    server.signal("TERM");

    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    for client in clients {
        client.join().expect("an accepted request was answered with 200");
    }
    assert_eq!(
        log.matches("POST /code2Session status=200").count() as u64,
        answered.load(Ordering::Relaxed)
    );
}

#[actix_rt::test]
async fn sigterm_fails_no_request_of_clients_that_keep_their_connections() {
    let world = World::with_rate_limit(None);
    let server = world.server();
    let answered = Arc::new(AtomicU64::new(0));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            let (address, answered) = (server.address().to_owned(), Arc::clone(&answered));
            std::thread::spawn(move || {
                let mut connection = TcpStream::connect(address).expect("the server listens");
                let mut answer = [0; 2048];
                loop {
                    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
                    connection.write_all(request).expect("the connection is kept");
                    let length = connection.read(&mut answer).expect("the connection is kept");
                    let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
                    assert!(answer.starts_with("http/1.1 200"), "{answer:?}");
                    answered.fetch_add(1, Ordering::Relaxed);
                    if answer.contains("connection: close") {
                        return;
                    }
                }
            })
        })
        .collect();
    while answered.load(Ordering::Relaxed) < 100 {
        std::thread::yield_now();
    }

    server.signal("TERM");

    for client in clients {
        client.join().expect("every request was answered");
    }
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// The kernel has let them in, and the server has heard of none: it stands still meanwhile.
#[actix_rt::test]
async fn connections_that_are_queued_at_sigterm_are_answered() {
    const QUEUED: usize = 600;
    let world = World::new();
    let server = world.server();
    server.signal("STOP");
    let queued: Vec<_> = (0..QUEUED)
        .map(|_| {
            let mut connection = TcpStream::connect(server.address()).expect("the kernel listens");
            let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
            connection.write_all(request).expect("the kernel takes it");
            connection
        })
        .collect();

    server.signal("TERM");
    server.signal("CONT");

    for mut connection in queued {
        let mut answer = Vec::new();
        let read = connection.read_to_end(&mut answer);
        assert!(
            answer.starts_with(b"HTTP/1.1 200"),
            "{:?} {read:?}",
            String::from_utf8_lossy(&answer)
        );
    }
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

/// One whole request on a connection of its own. False once the server accepts no more; a
/// connection that was accepted must be answered with 200, or this panics.
fn log_in_on_a_new_connection(address: &str, code: &str) -> bool {
    // Not accepted any more, and told so.
    let Ok(mut connection) = TcpStream::connect(address) else {
        return false;
    };
    let body = json!({"jsCode": code}).to_string();
    let request = format!(
        "POST /code2Session HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut answer = Vec::new();
    let exchanged =
        connection.write_all(request.as_bytes()).and_then(|()| connection.read_to_end(&mut answer));
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "a request on an established connection failed: {:?} {exchanged:?}",
        String::from_utf8_lossy(&answer)
    );
    true
}

#[actix_rt::test]
async fn a_restart_on_a_socket_that_is_handed_over_refuses_and_loses_nobody() {
    let world = World::with_rate_limit(None);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let mut server = world.server_on(&listener);
    let (answered, is_over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..8)
        .map(|number| {
            let (address, wechat) = (address.clone(), world.wechat.clone());
            let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
            std::thread::spawn(move || {
                let user = format!("user{number}");
                while !is_over.load(Ordering::Relaxed) {
                    let is_answered = log_in_on_a_new_connection(&address, &wechat.login(&user));
                    assert!(is_answered, "a connection was refused");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();

    for _ in 0..3 {
        let before = answered.load(Ordering::Relaxed);
        while answered.load(Ordering::Relaxed) < before + 100 {
            std::thread::yield_now();
        }
        server.signal("TERM");
        let (status, log) = server.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        server = world.server_on(&listener);
    }

    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.join().expect("no request was refused or lost");
    }
}

#[actix_rt::test]
async fn while_it_drains_it_serves_and_tells_the_balancer() {
    let world = World::new();
    let server = world.server_with(&[("DRAIN_SECONDS", "4")]);
    let page = server.client();
    page.get("/readyz").await.assert_ok();

    server.signal("TERM");
    server.line("SIGTERM: finishing what is under way").await;

    page.get("/readyz").await.assert_error(503, 50301, "busy", false);
    let answer = page.post_code(&world.wechat.login("alice")).await;
    answer.assert_ok();
    assert_eq!(answer.header("connection"), Some("close"));
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[actix_rt::test]
async fn an_answer_that_is_under_way_at_sigterm_closes_its_connection() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    world.wechat.hold();
    let code = world.wechat.login("alice");
    let posting = actix_rt::spawn(async move { page.post_code(&code).await });
    world.wechat.wait_for_waiting(1).await;

    server.signal("TERM");
    server.line("SIGTERM: finishing what is under way").await;
    world.wechat.release();

    let answer = posting.await.expect("the post does not panic");
    answer.assert_ok();
    assert_eq!(answer.header("connection"), Some("close"));
}

#[actix_rt::test]
async fn a_second_signal_ends_it_at_once() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    world.wechat.hold();
    let code = world.wechat.login("alice");
    actix_rt::spawn(async move {
        page.try_send("GET", &format!("/code2Session?jsCode={code}"), &[], Vec::new()).await
    });
    world.wechat.wait_for_waiting(1).await;

    server.signal("TERM");
    server.line("SIGTERM: finishing what is under way").await;
    server.signal("INT");

    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("SIGINT again"), "{log}");
}

#[actix_rt::test]
async fn a_caller_who_sends_half_a_body_keeps_it_no_longer_than_a_body_has() {
    let world = World::new();
    let server = world.server();
    let mut half = TcpStream::connect(server.address()).expect("the server listens");
    half.write_all(b"POST /user HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
        .expect("it reads");
    server.client().get("/healthz").await.assert_ok();

    let begun = Instant::now();
    server.signal("TERM");
    let (status, log) = server.wait();

    assert_eq!(status.code(), Some(0), "{log}");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[actix_rt::test]
async fn a_request_under_way_at_sigterm_is_finished() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    world.wechat.hold();
    let code = world.wechat.login("alice");
    let posting =
        actix_rt::spawn(async move { page.json("/code2Session", json!({"jsCode": code})).await });
    world.wechat.wait_for_waiting(1).await;

    server.signal("TERM");
    server.line("no more connections are accepted").await;
    world.wechat.release();

    posting.await.expect("the post does not panic").assert_ok();
    let (status, log) = server.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[actix_rt::test]
async fn what_was_answered_before_a_kill_9_is_in_the_database_and_rows_are_whole() {
    let world = World::with_rate_limit(None);
    let mut answered = HashSet::new();
    for round in 0..4 {
        let server = world.server();
        let page = server.client();
        let posts: Vec<_> = (0..300)
            .map(|number| {
                let user = format!("user{}", number % 40);
                let (page, code) = (page.clone(), world.wechat.login_rotating(&user));
                let key = world.wechat.session_key(&user).expect("just logged in");
                let key = fingerprint(&key);
                actix_rt::spawn(async move {
                    let body = json!({"jsCode": code}).to_string().into_bytes();
                    let headers = [("content-type", "application/json")];
                    let answer = page.try_send("POST", "/code2Session", &headers, body).await;
                    answer.is_ok_and(|answer| answer.status == 200).then_some(key)
                })
            })
            .collect();
        world.wechat.wait_for_calls((round + 1) * 60).await;
        server.signal("KILL");
        for post in posts {
            answered.extend(post.await.expect("no post panics"));
        }
    }

    let stored: HashSet<String> =
        world.database.column("key_fingerprint", "FROM sessions").into_iter().flatten().collect();
    assert!(answered.is_subset(&stored), "every answered key is stored");
    let orphans = "FROM sessions LEFT JOIN users USING (openid) WHERE users.id IS NULL";
    assert_eq!(world.database.count(orphans), 0, "no key without its user");
}
