//! Of a connection, one request at a time: what is sent ahead, and what comes in parts.

use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

use crate::harness::{World, connect, peak_memory_mib, read_some, read_to_end, send};

const HEALTHZ: &str = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
/// What the contract gives a head, and what a busy machine adds.
const HEAD_TIME: Duration = Duration::from_secs(5);
const SLACK: Duration = Duration::from_secs(4);

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

#[actix_rt::test]
async fn behind_a_body_that_is_too_large_the_connection_is_closed_or_goes_on() {
    const CHUNK_BYTES: usize = 66 * 1_024;
    let world = World::new();
    let server = world.server();
    let head = "POST /code2Session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("{CHUNK_BYTES:x}\r\n{}", "x".repeat(CHUNK_BYTES));
    let is_closed = |answer: &str| answer.to_lowercase().contains("connection: close");

    let (answer, elapsed) = read_to_end(send(&server, format!("{head}{chunk}")));
    assert!(answer.starts_with("HTTP/1.1 413") && is_closed(&answer), "{answer}");
    assert!(elapsed < HEAD_TIME + SLACK, "{elapsed:?}");

    // The rest comes before the answer, behind it, or in between.
    for _ in 0..20 {
        let mut stream = send(&server, format!("{head}{chunk}\r\n0\r\n\r\n"));
        let answer = read_some(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        if !is_closed(&answer) {
            stream.write_all(HEALTHZ.as_bytes()).expect("the server reads");
            let answer = read_some(&mut stream);
            assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        }
    }
}

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
