//! A client that shows the very bytes of an answer, and a runtime of ten lines:
//! both so small that a test sees what the sandbox does, not what a library makes of it.

// Each test file is a crate of its own and uses a part of this.
#![allow(dead_code)]

use std::future::Future;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, JoinHandle, Thread};

use serde_json::Value;
use wxauth_sandbox::{Options, Sandbox};

pub fn start() -> Sandbox {
    Sandbox::start(Options::default()).expect("a free port")
}

pub struct Answer {
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.head[9..12].parse().expect("a status line")
    }

    /// The value of a header; actix writes the names in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            (key == name).then_some(value)
        })
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    pub fn errcode(&self) -> Option<i64> {
        self.json()["errcode"].as_i64()
    }
}

/// Exchanges a code as the server would, with good credentials.
pub fn exchange(sandbox: &Sandbox, code: &str) -> Answer {
    get(sandbox, &exchange_path(sandbox, code))
}

pub fn exchange_path(sandbox: &Sandbox, code: &str) -> String {
    format!(
        "/sns/jscode2session?appid={}&secret={}&js_code={code}&grant_type=authorization_code",
        sandbox.appid(),
        sandbox.secret(),
    )
}

/// An exchange on a thread of its own, for answers that are late.
pub fn exchange_meanwhile(sandbox: &Sandbox, code: &str) -> JoinHandle<Answer> {
    let address = sandbox.base_url();
    let path = exchange_path(sandbox, code);
    thread::spawn(move || parse(&raw(&address, "GET", &path, "").expect("an answer")))
}

pub fn get(sandbox: &Sandbox, path: &str) -> Answer {
    parse(&raw(&sandbox.base_url(), "GET", path, "").expect("an answer"))
}

pub fn post(sandbox: &Sandbox, path: &str, body: &str) -> Answer {
    parse(&raw(&sandbox.base_url(), "POST", path, body).expect("an answer"))
}

/// Everything that comes until the connection ends, or how it ended.
pub fn raw(base_url: &str, method: &str, path: &str, body: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(base_url.trim_start_matches("http://"))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

pub fn parse(answer: &[u8]) -> Answer {
    let answer = String::from_utf8(answer.to_vec()).expect("a text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    Answer { head: head.to_owned(), body: body.to_owned() }
}

/// Runs a future with no runtime at all.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        thread::park();
    }
}
