//! Requests that wait in grace: data that no key of their user opens, each on a connection that is
//! held open.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use socket2::SockRef;
use wxauth_sandbox::encrypt;

use crate::process::Process;
use crate::rig::{Rig, User, data_fields};
use crate::traffic::{Traffic, phone_body, write_post};

/// What the server gets to look at every user's keys before it counts as waiting.
const SETTLE: Duration = Duration::from_secs(1);
/// Longer than any grace: by then they are gone even if the server does not notice who hung up.
const RELEASE_PATIENCE: Duration = Duration::from_secs(35);
const PAUSE: Duration = Duration::from_millis(10);
/// Files that the server may have opened meanwhile: connections to the database and to WeChat.
const OTHER_FILES: usize = 64;

pub struct Waiters {
    streams: Vec<TcpStream>,
    server: Process,
    open_files_before: usize,
}

impl Waiters {
    /// Returns when all of them have been sent and had a moment.
    pub fn send(rig: &Rig, users: &[User]) -> Result<Self> {
        let server = rig.server.process();
        let open_files_before = server.open_files()?;
        let streams = users
            .iter()
            .map(|user| send(rig, user))
            .collect::<std::io::Result<_>>()
            .context("cannot open a connection for each request that waits")?;
        sleep(SETTLE);
        Ok(Self { streams, server, open_files_before })
    }

    /// How many have got no answer yet.
    pub fn count_waiting(&mut self) -> usize {
        self.streams.iter_mut().map(is_waiting).filter(|is_waiting| *is_waiting).count()
    }

    /// Hangs up, and returns how long the server took to let go of the connections.
    pub fn hang_up(self) -> Result<Duration> {
        drop(self.streams);
        let started = Instant::now();
        while self.server.open_files()? > self.open_files_before + OTHER_FILES {
            if started.elapsed() > RELEASE_PATIENCE {
                bail!("the server keeps connections whose client hung up");
            }
            sleep(PAUSE);
        }
        Ok(started.elapsed())
    }
}

fn send(rig: &Rig, user: &User) -> std::io::Result<TcpStream> {
    let foreign_key = BASE64.encode(fastrand::u128(..).to_ne_bytes());
    let data = data_fields(&encrypt(&foreign_key, b"nobody here has the key to this"));
    let mut request = Vec::new();
    let body = phone_body(&user.openid, &data);
    write_post(&mut request, rig.server.address(), Traffic::Phone.path(), &body);
    let mut stream = TcpStream::connect(rig.server.address())?;
    stream.write_all(&request)?;
    // Closing will reset the connection: after an orderly end actix-web lets the handler finish,
    // so that the server would go on waiting until the grace is over.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// The connection is open, and nothing has come.
fn is_waiting(stream: &mut TcpStream) -> bool {
    let read = stream.read(&mut [0]);
    read.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}
