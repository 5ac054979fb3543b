//! Requests that no page sends, by the thousand: each is answered whole or closed, and costs nobody
//! else anything. Each is made from its number, so that a run can be repeated.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde_json::json;
use wxauth_sandbox::{EncryptedData, Sandbox};

use crate::harness::{Server, World, peak_memory_mib};

/// Of each endpoint, unless this variable says otherwise.
const COUNT: u64 = 400;
const COUNT_VARIABLE: &str = "WXAUTH_TEST_BAD_REQUESTS";
const ENDPOINTS: [&str; 5] = ["/code2Session", "/getWXUserPhone", "/user", "/healthz", "/readyz"];
const SENDERS: u64 = 32;
/// Logins that are timed before the bad requests begin.
const QUIET_LOGINS: usize = 200;
/// Longer than any answer takes: a head, a body, a refusal and what a busy machine adds.
const PATIENCE: Duration = Duration::from_secs(40);
const MAX_MIB: u64 = 256;

#[actix_rt::test]
async fn bad_requests_are_answered_or_closed_and_good_ones_beside_them_are_served() {
    let count = std::env::var(COUNT_VARIABLE).map_or(COUNT, |text| text.parse().expect("a number"));
    let world = World::with_rate_limit(None);
    // What is refused is not worth waiting for here.
    let server = world
        .server_with(&[("LOGIN_GRACE_MS", "50"), ("RUST_LOG", "warn,wxauth::http::server=info")]);
    let page = server.client();
    let parts =
        Parts { openid: page.log_in(&world, "alice").await, data: world.wechat.phone("alice") };

    let quiet =
        p99(log_in_again_and_again(&server, &world.wechat, |logins| logins == QUIET_LOGINS));
    let is_over = AtomicBool::new(false);
    let beside = thread::scope(|scope| {
        let beside = scope.spawn(|| {
            log_in_again_and_again(&server, &world.wechat, |_| is_over.load(Ordering::Relaxed))
        });
        let next = Arc::new(AtomicU64::new(0));
        let senders: Vec<_> = (0..SENDERS)
            .map(|_| {
                let (next, address, parts) = (Arc::clone(&next), server.address(), &parts);
                scope.spawn(move || {
                    let number = || next.fetch_add(1, Ordering::Relaxed);
                    let numbers = std::iter::repeat_with(number);
                    for number in numbers.take_while(|it| *it < count * ENDPOINTS.len() as u64) {
                        BadRequest::made_from(number, parts).send_to(address);
                    }
                })
            })
            .collect();
        let sent: Vec<_> = senders.into_iter().map(thread::ScopedJoinHandle::join).collect();
        is_over.store(true, Ordering::Relaxed);
        sent.into_iter().for_each(|sent| sent.expect("every bad request went as it should"));
        beside.join().expect("every login was answered with 200")
    });

    let resident = peak_memory_mib(server.pid());
    println!(
        "{} logins beside {count} bad requests an endpoint, p99 {:?}, {quiet:?} without; {resident} MiB",
        beside.len(),
        p99(beside.clone()),
    );
    assert!(resident < MAX_MIB, "{resident} MiB");
    assert!(!server.log().contains("panicked"), "{}", server.log());
    assert!(!server.log().contains(" ERROR "), "{}", server.log());
}

/// Logins one after the other, each on a connection of its own, and what each took.
fn log_in_again_and_again(
    server: &Server,
    wechat: &Sandbox,
    is_over: impl Fn(usize) -> bool,
) -> Vec<Duration> {
    let mut taken = Vec::new();
    while !is_over(taken.len()) {
        let body = json!({"jsCode": wechat.login("bob")}).to_string();
        let begun = Instant::now();
        let sent = post("/code2Session", "application/json", body.as_bytes());
        let answers = exchange(server.address(), &sent).expect("a connection");
        assert_eq!(statuses(&answers), Ok(vec![200]), "{}", shown(&answers));
        taken.push(begun.elapsed());
    }
    taken
}

fn p99(mut taken: Vec<Duration>) -> Duration {
    taken.sort_unstable();
    taken.get(taken.len() * 99 / 100).copied().unwrap_or_default()
}

/// What a good request of alice's is made of.
struct Parts {
    openid: String,
    data: EncryptedData,
}

struct BadRequest {
    bytes: Vec<u8>,
    /// Where it is one whole request, there is one answer.
    is_whole: bool,
}

impl BadRequest {
    fn made_from(number: u64, parts: &Parts) -> Self {
        let mut rng = Rng::with_seed(number);
        let path = ENDPOINTS[number as usize % ENDPOINTS.len()];
        let body = good_body(path, parts, &mut rng);
        match rng.u8(..5) {
            0 => Self::with_a_bad_body(path, body, &mut rng),
            1 => Self::with_bad_headers(path, &body, &mut rng),
            2 => Self::with_a_bad_head(path, &body, &mut rng),
            3 => Self::with_bad_chunks(path, &body, &mut rng),
            _ => Self::of_several(path, &body, parts, &mut rng),
        }
    }

    fn with_a_bad_body(path: &str, mut body: Vec<u8>, rng: &mut Rng) -> Self {
        match rng.u8(..6) {
            0 => body = b"[".repeat(rng.usize(1..30_000)),
            1 => body = b"{\"detail\":".repeat(rng.usize(1..3_000)),
            2 => body = (0..rng.usize(..2_000)).map(|_| rng.u8(..)).collect(),
            3 => body = vec![b'a'; rng.usize(65_000..70_000)],
            _ => spoil(&mut body, rng),
        }
        let types =
            ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "x"];
        let content_type = rng.choice(types).unwrap_or_default();
        Self { bytes: post(path, content_type, &body), is_whole: true }
    }

    fn with_bad_headers(path: &str, body: &[u8], rng: &mut Rng) -> Self {
        let length = body.len();
        let header = match rng.u8(..16) {
            0 => format!("Content-Length: {length}\r\nContent-Length: {}", length + 1),
            1 => format!("Content-Length: {}", length + rng.usize(1..100)),
            2 => format!("Content-Length: {}", length - rng.usize(..length.min(9) + 1)),
            3 => "Content-Length: -1".to_owned(),
            4 => format!("Content-Length: +{length}"),
            5 => "Content-Length: 99999999999999999999999".to_owned(),
            6 => format!("Content-Length: {length}\r\nTransfer-Encoding: chunked"),
            7 => "Transfer-Encoding: gzip, chunked".to_owned(),
            8 => format!("Content-Length: {length}\r\nContent-Encoding: gzip"),
            9 => format!("Content-Length: {length}\r\nExpect: 100-continue"),
            10 => format!("Content-Length: {length}\r\n{}", "X: y\r\n".repeat(rng.usize(80..200))),
            11 => {
                format!("Content-Length: {length}\r\nX: {}", "x".repeat(rng.usize(1_000..60_000)))
            }
            12 => format!("Content-Length: {length}\r\nX-Forwarded-For: \u{7f},,[::1\u{e9}"),
            13 => format!("Content-Length: {length}\r\nX-Request-Id: \"{}\"", "i".repeat(99)),
            14 => format!("Content-Length: {length}\r\nUpgrade: h2c\r\nConnection: Upgrade"),
            _ => format!("Content-Length: {length}\r\nno colon\r\n folded: \0"),
        };
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        Self { bytes: [head.as_bytes(), body].concat(), is_whole: false }
    }

    fn with_a_bad_head(path: &str, body: &[u8], rng: &mut Rng) -> Self {
        let long = "x".repeat(rng.usize(1..20_000));
        let line = match rng.u8(..12) {
            0 => format!("POST {path} HTTP/9.9"),
            1 => format!("POST {path}"),
            2 => format!("POST  {path}  HTTP/1.1"),
            3 => format!("{long} {path} HTTP/1.1"),
            4 => format!("GET {path}?{long} HTTP/1.1"),
            5 => format!("GET {path}?jsCode=%zz%00%ff&[=]&openid[]=1&iv HTTP/1.1"),
            6 => format!("GET http://[::1{path} HTTP/1.1"),
            7 => format!("OPTIONS * HTTP/1.1\r\nX: {path}"),
            8 => format!("GET {path}/../..//%2e%2e/{long} HTTP/1.0"),
            9 => format!("GET {path}\u{e9}\u{0}#x HTTP/1.1"),
            10 => "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".to_owned(),
            _ => "PRI * HTTP/2.0\r\n\r\nSM".to_owned(),
        };
        let mut bytes =
            format!("{line}\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
        if rng.bool() {
            spoil(&mut bytes, rng);
        }
        bytes.extend_from_slice(body);
        Self { bytes, is_whole: false }
    }

    fn with_bad_chunks(path: &str, body: &[u8], rng: &mut Rng) -> Self {
        let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
        let mut chunks = Vec::new();
        for chunk in body.chunks(rng.usize(1..60)) {
            chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            chunks.extend_from_slice(chunk);
            chunks.extend_from_slice(b"\r\n");
        }
        chunks.extend_from_slice(b"0\r\n\r\n");
        match rng.u8(..8) {
            0 => {
                let bytes = [head.into_bytes(), chunks].concat();
                return Self { bytes, is_whole: true };
            }
            1 => chunks = b"ffffffffffffffffff\r\nx\r\n0\r\n\r\n".to_vec(),
            2 => chunks = b"-1\r\nx\r\n0\r\n\r\n".to_vec(),
            3 => chunks = format!("1;{}\r\nx\r\n0\r\n\r\n", "e=".repeat(9_000)).into_bytes(),
            4 => chunks = b"1\nx\n0\n\n".to_vec(),
            5 => chunks.extend_from_slice(b"trailer: x\r\n\r\n"),
            6 => chunks.truncate(rng.usize(..chunks.len())),
            _ => spoil(&mut chunks, rng),
        }
        Self { bytes: [head.into_bytes(), chunks].concat(), is_whole: false }
    }

    /// A pipeline of good and bad ones.
    fn of_several(path: &str, body: &[u8], parts: &Parts, rng: &mut Rng) -> Self {
        let mut bytes = Vec::new();
        for _ in 0..rng.usize(2..8) {
            let next = match rng.u8(..4) {
                0 => post(path, "application/json", body),
                1 => b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
                2 => Self::with_a_bad_body(path, good_body(path, parts, rng), rng).bytes,
                _ => Self::with_bad_headers(path, body, rng).bytes,
            };
            bytes.extend(next);
        }
        Self { bytes, is_whole: false }
    }

    fn send_to(&self, address: &str) {
        let answers = match exchange(address, &self.bytes) {
            Ok(answers) => answers,
            Err(error) => panic!("{error} after {}", shown(&self.bytes)),
        };
        let statuses = statuses(&answers);
        let is_as_wanted = statuses.as_ref().is_ok_and(|statuses| {
            let is_answered = !self.is_whole || statuses.len() == 1;
            is_answered && statuses.iter().all(|status| *status < 500)
        });
        assert!(is_as_wanted, "{statuses:?} for:\n{}\n{}", shown(&self.bytes), shown(&answers));
    }
}

fn good_body(path: &str, parts: &Parts, rng: &mut Rng) -> Vec<u8> {
    let EncryptedData { encrypted_data, iv } = &parts.data;
    // WeChat refuses it.
    let code = format!("made-up-{}", rng.u64(..));
    let openid = &parts.openid;
    let body = match path {
        "/getWXUserPhone" => json!({"openid": openid, "encryptedData": encrypted_data, "iv": iv}),
        "/user" => json!({"code": code, "detail": {"encryptedData": encrypted_data, "iv": iv}}),
        _ => json!({"jsCode": code}),
    };
    body.to_string().into_bytes()
}

/// Changes, adds and takes away some bytes.
fn spoil(bytes: &mut Vec<u8>, rng: &mut Rng) {
    const TELLING: &[u8] = b"\0\r\n\t \"'\\{}[]:,=&%+\xff\xc0\x80";
    for _ in 0..rng.usize(1..8) {
        let at = rng.usize(..=bytes.len());
        let byte = if rng.bool() { rng.u8(..) } else { TELLING[rng.usize(..TELLING.len())] };
        match rng.u8(..4) {
            0 => bytes.insert(at, byte),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.drain(at..bytes.len().min(at + 3))),
            _ => {
                if let Some(changed) = bytes.get_mut(at) {
                    *changed = byte;
                }
            }
        }
    }
}

fn post(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\n\
         Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Sends all of it, and reads until the server has closed.
fn exchange(address: &str, bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // The server may have answered and closed before it has read all of a bad one.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answers = Vec::new();
    match stream.read_to_end(&mut answers) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Err(error),
        _ => Ok(answers),
    }
}

/// Of each answer; an `Err` is what remains where one is not whole.
fn statuses(mut answers: &[u8]) -> Result<Vec<u16>, String> {
    let mut statuses = Vec::new();
    while !answers.is_empty() {
        let rest = || shown(answers);
        let end = answers.windows(4).position(|it| it == b"\r\n\r\n").ok_or_else(rest)? + 4;
        let (head, body) = answers.split_at(end);
        let head = String::from_utf8_lossy(head).to_ascii_lowercase();
        let status = head.strip_prefix("http/1.").and_then(|head| head.get(2..5)?.parse().ok());
        let status: u16 = status.ok_or_else(rest)?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = match (status, length) {
            (100..200, _) => 0,
            (_, length) => length.and_then(|length| length.parse().ok()).ok_or_else(rest)?,
        };
        answers = body.get(length..).ok_or_else(rest)?;
        statuses.push(status);
    }
    Ok(statuses)
}

fn shown(bytes: &[u8]) -> String {
    let beginning = &bytes[..bytes.len().min(2_000)];
    format!("{} bytes: {}", bytes.len(), beginning.escape_ascii())
}
