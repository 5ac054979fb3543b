//! What strangers do to an open port: connections by the thousand, each of which comes again when
//! the server has closed it.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, sleep_until, timeout};
use wxauth_sandbox::encrypt;

use crate::connection::Connection;
use crate::rig::{Rig, data_fields};
use crate::traffic::{Traffic, phone_body, write_post};

/// Before a connection that was closed comes again, on average: so many thousand in a second are an
/// attack of another kind, on the kernel.
const PAUSE: Duration = Duration::from_secs(1);
/// In which all come for the first time: strangers are not in step.
const ARRIVAL: Duration = Duration::from_secs(1);
const BODY_BYTES: usize = 64_000;
/// Chunks of one byte, 48 kB on the wire.
const CHUNKS: usize = 8_000;
/// What actix-http by itself takes of a head.
const HEAD_BYTES: usize = 128 * 1_024;
/// A little less than the server takes of a head.
const LOW_HEAD_BYTES: usize = 15_000;
/// As `nice` counts.
const LEAST_PRIORITY: i32 = 19;
const TRICKLE_PAUSE: Duration = Duration::from_millis(500);
const HEALTHZ: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
/// What those who read no answer send at once: more than the server reads ahead. As many bytes as the
/// kernels take would be some gigabytes a second on the loopback, an attack on this machine.
const UNREAD_REQUESTS: usize = 1_000;
/// As many as the server reads at once.
const REQUESTS_AHEAD: usize = 100;
/// Fewer than an answer to it has.
const HEALTHZ_ANSWER_BYTES: usize = 100;
const READYZ: &[u8] = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attack {
    HalfBodies,
    /// The same at a server that may open 1,024 files.
    HalfBodiesAndFewFiles,
    HalfSecondHeads,
    LongHeads,
    TricklingHeads,
    UnreadAnswers,
    /// Behind a tap whose answer takes half a second or a second.
    RequestsAhead,
    OneByteChunks,
    MadeUpCodes,
    MadeUpCodesAndFarWeChat,
    OneOpenid,
    Readiness,
}

impl Attack {
    pub const ALL: [Self; 12] = [
        Self::HalfBodies,
        Self::HalfBodiesAndFewFiles,
        Self::HalfSecondHeads,
        Self::LongHeads,
        Self::TricklingHeads,
        Self::UnreadAnswers,
        Self::RequestsAhead,
        Self::OneByteChunks,
        Self::MadeUpCodes,
        Self::MadeUpCodesAndFarWeChat,
        Self::OneOpenid,
        Self::Readiness,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::HalfBodies => "4,000 half bodies of 64,000 B",
            Self::HalfBodiesAndFewFiles => "1,100 half bodies, 1,024 files",
            Self::HalfSecondHeads => "2,000 half second heads",
            Self::LongHeads => "4,600 heads of 128 KiB",
            Self::TricklingHeads => "4,600 heads that trickle",
            Self::UnreadAnswers => "1,000 who read no answer",
            Self::RequestsAhead => "3,500 who send 100 ahead",
            Self::OneByteChunks => "4,000 half bodies, 8,000 chunks",
            Self::MadeUpCodes => "2,000 made-up codes/s",
            Self::MadeUpCodesAndFarWeChat => "2,000 codes/s, WeChat 80 ms away",
            Self::OneOpenid => "4,600 posters on one openid",
            Self::Readiness => "5,800 /readyz/s",
        }
    }

    fn connections(self) -> usize {
        match self {
            Self::HalfBodies | Self::OneByteChunks => 4_000,
            Self::HalfBodiesAndFewFiles => 1_100,
            Self::HalfSecondHeads => 2_000,
            Self::LongHeads | Self::TricklingHeads | Self::OneOpenid => 4_600,
            Self::UnreadAnswers => 1_000,
            Self::RequestsAhead => 3_500,
            // Of those who wait for their second, half a thousand have a seat. With fewer connections, all
            // would post again when their answers come, and not at their time.
            Self::MadeUpCodes | Self::MadeUpCodesAndFarWeChat => 2_600,
            Self::Readiness => 64,
        }
    }

    /// Of all connections together, where the attack is one of requests.
    fn requests_per_second(self) -> Option<u32> {
        match self {
            Self::MadeUpCodes | Self::MadeUpCodesAndFarWeChat => Some(2_000),
            Self::Readiness => Some(5_800),
            _ => None,
        }
    }
}

/// At work until stopped.
pub struct Attackers {
    over: watch::Sender<bool>,
    thread: JoinHandle<Result<()>>,
    seen: Arc<Seen>,
}

/// How what they began has ended.
#[derive(Default)]
struct Seen(Mutex<BTreeMap<String, u64>>);

impl Seen {
    fn add(&self, how: String) {
        *self.0.lock().entry(how).or_default() += 1;
    }
}

/// What one attacker needs.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    attack: Attack,
    /// Whom all post for.
    openid: String,
    next: Arc<AtomicU64>,
    begun: Instant,
    seen: Arc<Seen>,
}

impl Attackers {
    /// At the server with this address, on a thread of their own, which gets only what everybody else
    /// leaves of the machine: in life they are elsewhere.
    pub fn start(attack: Attack, rig: &Rig, address: SocketAddr) -> Result<Self> {
        let victim = rig.users.first().ok_or_else(|| anyhow!("there are no users"))?;
        let seen = Arc::new(Seen::default());
        let target = Target {
            address,
            attack,
            openid: victim.openid.clone(),
            next: Arc::default(),
            begun: Instant::now(),
            seen: Arc::clone(&seen),
        };
        let (over, mut is_over) = watch::channel(false);
        let thread = std::thread::spawn(move || {
            // Of this thread alone, on Linux.
            rustix::process::setpriority_process(None, LEAST_PRIORITY)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut attackers = JoinSet::new();
                for number in 0..attack.connections() {
                    attackers.spawn(target.clone().attack(number));
                }
                // Whoever started it is gone, or says so.
                let _ = is_over.wait_for(|over| *over).await;
            });
            Ok(())
        });
        Ok(Self { over, thread, seen })
    }

    /// Hangs up, and tells how what they began had ended.
    pub fn stop(self) -> Result<BTreeMap<String, u64>> {
        self.over.send_replace(true);
        self.thread.join().map_err(|_| anyhow!("an attacker panicked"))??;
        Ok(std::mem::take(&mut *self.seen.0.lock()))
    }
}

impl Target {
    async fn attack(self, number: usize) {
        let connections = self.attack.connections();
        sleep(ARRIVAL * number as u32 / connections as u32).await;
        loop {
            let ended = match self.attack.requests_per_second() {
                Some(rate) => self.post_at(rate).await,
                None => self.hold().await,
            };
            match ended {
                Ok(how) => self.seen.add(how),
                Err(error) => self.seen.add(error.kind().to_string()),
            }
            sleep(PAUSE.mul_f64(0.5 + fastrand::f64())).await;
        }
    }

    /// Holds a connection for as long as the server lets it.
    async fn hold(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.address).await?;
        match self.attack {
            Attack::HalfBodies | Attack::HalfBodiesAndFewFiles => {
                let mut bytes = Vec::new();
                write_post(&mut bytes, self.address, "/user", &"{".repeat(BODY_BYTES));
                bytes.pop();
                stream.write_all(&bytes).await?;
            }
            Attack::HalfSecondHeads => {
                stream.write_all(HEALTHZ).await?;
                let mut answer = [0; HEALTHZ_ANSWER_BYTES];
                stream.read_exact(&mut answer).await?;
                stream.write_all(HEALTHZ.get(..20).unwrap_or_default()).await?;
            }
            Attack::LongHeads => {
                let line = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(HEAD_BYTES));
                stream.write_all(line.as_bytes()).await?;
            }
            Attack::TricklingHeads => {
                let line = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(LOW_HEAD_BYTES));
                stream.write_all(line.as_bytes()).await?;
                while timeout(TRICKLE_PAUSE, stream.readable()).await.is_err() {
                    stream.write_all(b"x").await?;
                }
            }
            Attack::UnreadAnswers => {
                stream.write_all(&HEALTHZ.repeat(UNREAD_REQUESTS)).await?;
                loop {
                    sleep(TRICKLE_PAUSE).await;
                    stream.write_all(HEALTHZ).await?;
                }
            }
            Attack::RequestsAhead => {
                let mut bytes = Vec::new();
                self.write_foreign_data(&mut bytes);
                bytes.extend(HEALTHZ.repeat(REQUESTS_AHEAD));
                stream.write_all(&bytes).await?;
            }
            Attack::OneByteChunks => {
                let mut bytes =
                    b"POST /user HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                        .to_vec();
                bytes.extend(b"1\r\n{\r\n".repeat(CHUNKS));
                stream.write_all(&bytes).await?;
            }
            Attack::OneOpenid => return self.post_foreign_data(stream).await,
            // These are requests at a rate.
            Attack::MadeUpCodes | Attack::MadeUpCodesAndFarWeChat | Attack::Readiness => {}
        }
        how_it_ended(stream).await
    }

    /// A tap that no key of the victim's opens.
    fn write_foreign_data(&self, request: &mut Vec<u8>) {
        let key = BASE64.encode(fastrand::u128(..).to_ne_bytes());
        let data = data_fields(&encrypt(&key, b"nobody here has the key to this"));
        write_post(request, self.address, Traffic::Phone.path(), &phone_body(&self.openid, &data));
    }

    async fn post_foreign_data(&self, stream: TcpStream) -> io::Result<String> {
        let mut connection = Connection::from(stream);
        loop {
            let mut request = Vec::new();
            self.write_foreign_data(&mut request);
            let answer = connection.exchange(&request).await?;
            self.seen.add(format!("status {}", answer.status));
            if answer.closes() {
                return Ok("closed after an answer".to_owned());
            }
        }
    }

    /// Requests, each at its time, over this connection as long as it is kept.
    async fn post_at(&self, rate: u32) -> io::Result<String> {
        let mut connection = Connection::open(self.address).await?;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = self.begun + Duration::from_secs(1) * number as u32 / rate;
            sleep_until(due.into()).await;
            let mut request = Vec::new();
            match self.attack {
                Attack::Readiness => request.extend_from_slice(READYZ),
                _ => {
                    let body = format!(r#"{{"jsCode":"made-up-{:016x}"}}"#, fastrand::u64(..));
                    write_post(&mut request, self.address, Traffic::Login.path(), &body);
                }
            }
            let answer = connection.exchange(&request).await?;
            self.seen.add(format!("status {}", answer.status));
            if answer.closes() {
                return Ok("closed after an answer".to_owned());
            }
        }
    }
}

/// The status that the server closes with, or that it just closes.
async fn how_it_ended(mut stream: TcpStream) -> io::Result<String> {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    Ok(match answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)) {
        Some(status) => format!("status {status}"),
        None => "closed".to_owned(),
    })
}
