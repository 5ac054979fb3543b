//! Callers who send slowly, or much, or never read.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::json;
use socket2::SockRef;

use crate::harness::{
    METRICS, Reader, World, connect, peak_memory_mib, read_some, read_to_end, send,
};

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
/// What the contract gives a head and a body, and what a busy machine adds.
const HEAD_TIME: Duration = Duration::from_secs(5);
const BODY_TIME: Duration = Duration::from_secs(10);
const SLACK: Duration = Duration::from_secs(4);

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

    let chunked = |chunks: &str| {
        format!(
            "POST /code2Session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        )
        .into_bytes()
    };
    let begun = Instant::now();
    let streams: Vec<_> = [half_a_body(100)]
        .into_iter()
        .chain(["", "5", "5\r\n{", "1\r\n{\r\n"].map(chunked))
        .map(|bytes| send(&server, bytes))
        .collect();

    for stream in streams {
        let (answer, _) = read_to_end(stream);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
        assert!(answer.contains("request_timeout"), "{answer}");
        let elapsed = begun.elapsed();
        assert!(elapsed >= BODY_TIME && elapsed < BODY_TIME + SLACK, "{elapsed:?}");
    }
}

#[actix_rt::test]
async fn bodies_in_tiny_chunks_are_read_and_hold_no_more_than_others() {
    const CALLERS: usize = 500;
    const MAX_MIB: u64 = 96;
    let world = World::new();
    let server = world.server();
    let chunks = |body: &str| {
        body.chars().fold(String::new(), |all, c| all + "1\r\n" + &c.to_string() + "\r\n")
    };
    let head = "POST /code2Session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n";
    let code = world.wechat.login("alice");
    let body = json!({"x": "x".repeat(8_000), "jsCode": code}).to_string();

    let whole = format!("{head}{}0\r\n\r\n", chunks(&body));
    let answer = read_some(&mut send(&server, whole));
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    // The head in two parts, and what it says of chunks too.
    let half = [head, &chunks(&"x".repeat(8_000))].concat();
    let streams: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (part, rest) = half.split_at(if number % 2 == 0 { 0 } else { head.len() - 8 });
            let mut stream = send(&server, part);
            stream.write_all(rest.as_bytes()).expect("the server reads");
            stream
        })
        .collect();
    for stream in streams {
        let (answer, _) = read_to_end(stream);
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    }

    let resident = peak_memory_mib(server.pid());
    assert!(resident < MAX_MIB, "{resident} MiB");
    println!("{resident} MiB with {CALLERS} callers");
}

#[actix_rt::test]
async fn who_asks_for_another_protocol_is_answered_in_this_one() {
    let world = World::new();
    let server = world.server();
    let code = world.wechat.login("alice");
    let body = json!({"jsCode": code}).to_string();
    let length = body.len();

    for upgrade in ["websocket", "WebSocket\r\nConnection: Upgrade", "h2c\r\nConnection: Upgrade"] {
        let begun = Instant::now();
        let request = format!(
            "POST /code2Session HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\
             Upgrade: {upgrade}\r\n\r\n{body}{HEALTHZ}"
        );
        let (answer, _) = read_to_end(send(&server, request));
        assert!(answer.starts_with("HTTP/1.1 200"), "{upgrade}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{upgrade}: {answer}");
        assert!(begun.elapsed() < BODY_TIME, "{upgrade}");
        let get = format!(
            "GET /code2Session?jsCode={code} HTTP/1.1\r\nHost: x\r\nUpgrade: {upgrade}\r\n\r\n"
        );
        let (answer, _) = read_to_end(send(&server, get));
        assert!(answer.starts_with("HTTP/1.1 200"), "{upgrade}: {answer}");
    }
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

    // One that comes as a whole hears it.
    for bytes in [17_000, 20_000] {
        let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(bytes));
        let (answer, _) = read_to_end(send(&server, head));
        assert!(answer.starts_with("HTTP/1.1 400"), "{bytes}: {answer}");
    }
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
