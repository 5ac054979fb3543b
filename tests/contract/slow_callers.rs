//! Callers who send slowly, or much, or never read.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::SockRef;

use crate::harness::{METRICS, Reader, Server, World, peak_memory_mib};

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
/// What the contract gives a head and a body, and what a busy machine adds.
const HEAD_TIME: Duration = Duration::from_secs(5);
const BODY_TIME: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(4);

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

fn send(server: &Server, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(bytes.as_ref()).expect("the server reads");
    stream
}

/// One answer without a body of its own length: `/healthz` fits into one packet.
fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4_096];
    let length = stream.read(&mut bytes).expect("an answer or the end");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// Everything until the server closes, and how long that took.
fn read_to_end(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), begun.elapsed())
}

fn half_a_body(length: usize) -> Vec<u8> {
    let head = format!(
        "POST /code2Session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.into_bytes(), vec![b'{'; length - 1]].concat()
}

#[actix_rt::test]
async fn a_head_has_five_seconds_the_second_of_a_connection_too() {
    let world = World::new();
    let server = world.server();
    let half = "GET /healthz HTTP/1.1\r\nHos";

    let first = send(&server, half);
    let mut second = send(&server, HEALTHZ);
    assert!(read_some(&mut second).starts_with("HTTP/1.1 200"));
    second.write_all(half.as_bytes()).expect("the connection is kept");
    // The beginning of the next head comes in the packet of the one before.
    let mut pipelined = send(&server, [HEALTHZ, half].concat());
    assert!(read_some(&mut pipelined).starts_with("HTTP/1.1 200"));
    // Bytes that go on trickling do not make it longer.
    let mut trickling = send(&server, HEALTHZ);
    assert!(read_some(&mut trickling).starts_with("HTTP/1.1 200"));
    let trickle = trickling.try_clone().expect("a clone");
    std::thread::spawn(move || {
        let mut trickle = trickle;
        while trickle.write_all(b"a").is_ok() {
            std::thread::sleep(Duration::from_millis(500));
        }
    });

    for (stream, reason) in [
        (first, "the first"),
        (second, "a second"),
        (pipelined, "a second in the packet of the first"),
        (trickling, "one that trickles"),
    ] {
        let (_, elapsed) = read_to_end(stream);
        assert!(elapsed < HEAD_TIME + SLACK, "{reason}: {elapsed:?}");
    }
    assert!(read_some(&mut send(&server, HEALTHZ)).starts_with("HTTP/1.1 200"));
}

#[actix_rt::test]
async fn a_body_has_ten_seconds_from_its_head() {
    let world = World::new();
    let server = world.server();

    let begun = Instant::now();
    let (answer, _) = read_to_end(send(&server, half_a_body(100)));

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
    let elapsed = begun.elapsed();
    assert!(elapsed >= BODY_TIME && elapsed < BODY_TIME + SLACK, "{elapsed:?}");
}

#[actix_rt::test]
async fn a_head_that_is_too_long_holds_no_more_than_there_is_room_for() {
    let world = World::new();
    let server = world.server();
    let mut stream = send(&server, "GET /healthz HTTP/1.1\r\n");
    let header = format!("X: {}\r\n", "x".repeat(1_000));

    let sent = (0..1_000).take_while(|_| stream.write_all(header.as_bytes()).is_ok()).count();

    // What the kernel takes of both sides is not ours.
    let (answer, elapsed) = read_to_end(stream);
    assert!(!answer.starts_with("HTTP/1.1 200"), "{sent} headers: {answer}");
    assert!(elapsed < HEAD_TIME + SLACK);
}

/// 900 are more than is read at once; what is read is decoded before the first is answered.
#[actix_rt::test]
async fn of_requests_that_are_sent_ahead_the_first_is_answered_and_ends_the_connection() {
    let world = World::new();
    let server = world.server();

    for count in [2, 3, 900] {
        let (answers, elapsed) = read_to_end(send(&server, HEALTHZ.repeat(count)));

        assert!(answers.starts_with("HTTP/1.1 200"), "{count}: {answers}");
        assert!(answers.to_lowercase().contains("connection: close"), "{count}: {answers}");
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{count}: {answers}");
        assert!(elapsed < HEAD_TIME, "{count}: {elapsed:?}");
    }
}

/// Empty lines in a body are no end of it, wherever packets part it.
#[actix_rt::test]
async fn a_request_in_any_two_parts_is_answered_and_keeps_its_connection() {
    let world = World::new();
    let server = world.server();
    let code = world.wechat.login("alice");
    let body = format!("{{\r\n\r\n\"jsCode\":\n\n\"{code}\"\r\n\r\n}}");
    let length = body.len();
    let (start, end) = body.split_at(length / 2);
    let forms = [
        format!("Content-Length: {length}\r\n\r\n{body}"),
        format!("Content-Length: {length}\n\n{body}"),
        format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{start}\r\n{:x}\r\n{end}\r\n0\r\n\r\n",
            start.len(),
            end.len()
        ),
    ];
    let mut stream = connect(&server);
    stream.set_nodelay(true).expect("an option");

    for form in forms {
        let request = format!("POST /code2Session HTTP/1.1\r\nHost: x\r\n{form}");
        for end_of_part in 0..request.len() {
            let (part, rest) = request.split_at(end_of_part);
            stream.write_all(part.as_bytes()).expect("the server reads");
            stream.write_all(rest.as_bytes()).expect("the server reads");
            let answer = read_some(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 200"), "{end_of_part} of {request}: {answer}");
        }
    }
    assert_eq!(world.wechat.exchanges_of(&code), 1);
}

/// What comes later would be taken for the next request.
#[actix_rt::test]
async fn an_answer_before_the_end_of_a_body_closes_the_connection() {
    let world = World::new();
    let server = world.server();

    for rest_of_head in
        ["Content-Length: 9\r\n\r\n{\n\n", "Transfer-Encoding: chunked\r\n\r\n9\r\n{"]
    {
        let request = format!("POST /nowhere HTTP/1.1\r\nHost: x\r\n{rest_of_head}");
        let (answer, elapsed) = read_to_end(send(&server, request));

        assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
        assert!(elapsed < HEAD_TIME + SLACK, "{elapsed:?}");
    }
}

/// Its caller hears that the connection closes, and posts it again on another one.
#[actix_rt::test]
async fn a_login_that_was_sent_ahead_is_not_begun() {
    let world = World::new();
    let server = world.server();
    let codes = ["alice", "bob"].map(|user| world.wechat.login(user));
    let post = |code: &String| {
        let body = json!({"jsCode": code}).to_string();
        format!(
            "POST /code2Session HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };

    let (answers, _) = read_to_end(send(&server, codes.each_ref().map(post).concat()));

    assert_eq!(answers.matches("HTTP/1.1 200").count(), 1, "{answers}");
    assert_eq!(codes.each_ref().map(|code| world.wechat.exchanges_of(code)), [1, 0]);
    server.client().post_code(&codes[1]).await.assert_ok();
}

/// Decoded requests are some kilobytes each, and an answer can take a second.
#[actix_rt::test]
async fn what_is_sent_ahead_while_a_request_is_worked_on_holds_no_memory() {
    const CALLERS: usize = 1_000;
    const MAX_MIB: u64 = 64;
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[("LOGIN_GRACE_MS", "2000")]);
    let body = json!({"jsCode": "made-up"}).to_string();
    let first = |headers: &str, body: &str| {
        format!("POST /code2Session HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\n{body}")
    };
    let length = format!("Content-Length: {}", body.len());
    let in_chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let slow = [
        first(&length, &body),
        first("Transfer-Encoding: chunked", &in_chunks),
        "GET /code2Session?jsCode=made-up HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
    ];
    let ahead = ["GET / HTTP/1.1\r\nHost:\r\n\r\n", "GET / HTTP/1.1\nHost:\n\n"];

    let streams: Vec<_> = (0..CALLERS)
        .map(|number| {
            let bytes =
                slow[number % slow.len()].clone() + &ahead[number % ahead.len()].repeat(600);
            let mut stream = connect(&server);
            // What the kernels do not take at once, the server does not read.
            stream.set_nonblocking(true).expect("a mode");
            let _ = stream.write(bytes.as_bytes());
            stream.set_nonblocking(false).expect("a mode");
            stream
        })
        .collect();
    for stream in streams {
        let (answers, _) = read_to_end(stream);
        assert_eq!(answers.matches("HTTP/1.1 401").count(), 1, "{answers}");
        assert_eq!(answers.matches("HTTP/1.1").count(), 1, "{answers}");
    }

    let resident = peak_memory_mib(server.pid());
    assert!(resident < MAX_MIB, "{resident} MiB");
    println!("{resident} MiB with {CALLERS} callers");
}

#[actix_rt::test]
async fn who_never_reads_an_answer_is_closed() {
    let world = World::new();
    let server = world.server_with(&[METRICS]);
    let reader = Reader::of(&server);
    let mut stream = connect(&server);
    stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a timeout");
    // Until neither side's kernel takes more.
    while stream.write_all(HEALTHZ.repeat(100).as_bytes()).is_ok() {}

    reader.wait_for("wxauth_open_connections", 0).await;
    drop(stream);
}

/// One request after the other, so that none is sent ahead: what waits to be written has a bound.
#[actix_rt::test]
async fn who_never_reads_is_read_no_further() {
    /// Far more answers than the kernels of both sides hold.
    const REQUESTS: u32 = 5_000;
    const PATIENCE: Duration = Duration::from_secs(1);
    let world = World::new();
    let server = world.server_with(&[METRICS]);
    let reader = Reader::of(&server);
    let mut stream = connect(&server);
    // Else the kernel would hold megabytes for them.
    SockRef::from(&stream).set_recv_buffer_size(4_096).expect("a size");
    let is_answered = async |count: u32| {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let text = reader.text().await;
            if text.contains(&format!(
                "wxauth_requests_total{{endpoint=\"other\",outcome=\"not_found\"}} {count}\n"
            )) {
                return true;
            }
        }
        false
    };

    let mut answered = 0;
    while answered < REQUESTS {
        let request = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(100));
        if stream.write_all(request.as_bytes()).is_err() || !is_answered(answered + 1).await {
            break;
        }
        answered += 1;
    }

    assert!((1..REQUESTS).contains(&answered), "{answered} answers that nobody read");
}

#[actix_rt::test]
async fn half_sent_bodies_and_heads_are_bounded_and_others_are_answered_beside_them() {
    const ATTACKERS: usize = 4_000;
    let world = World::with_rate_limit(None);
    let server = world.server();
    let page = server.client();
    page.log_in(&world, "alice").await;

    let held: Vec<_> = (0..ATTACKERS)
        .filter_map(|number| {
            let mut stream = TcpStream::connect(server.address()).ok()?;
            stream.set_write_timeout(Some(Duration::from_secs(1))).ok()?;
            let bytes = match number % 2 {
                0 => half_a_body(64_000),
                _ => [b"GET / HTTP/1.1\r\nX: ".to_vec(), vec![b'x'; 60_000]].concat(),
            };
            // It may be told that there is no room.
            let _ = stream.write_all(&bytes);
            Some(stream)
        })
        .collect();
    page.post_code(&world.wechat.login("bob")).await.assert_ok();
    page.get("/healthz").await.assert_ok();

    let resident = peak_memory_mib(server.pid());
    assert!(resident < 256, "{resident} MiB with {} attackers", held.len());
    let answer = page.json("/code2Session", json!({"jsCode": world.wechat.login("carol")})).await;
    answer.assert_ok();
    println!("{resident} MiB with {} attackers", held.len());
}
