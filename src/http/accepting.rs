//! Accepts connections as long as there is room for them, up to the moment when the listener closes.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::net::{TcpListener, UnixListener};
use actix_rt::time::{sleep, timeout};
use socket2::{SockFilter, SockRef, Socket, TcpKeepalive};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::workers::{Accepted, Workers};

/// Open connections. The worst that one can hold is some 50 kB: a head of 16 kB, as much sent ahead,
/// the buffers of its answer; with the 32 MiB of bodies that stays below 256 MB.
const MAX_CONNECTIONS: usize = 4_096;
/// Files that are no connections of callers: the database's, WeChat's, the log.
const OTHER_FILES: u64 = 400;
/// A peer that has vanished is noticed after a minute and a half of silence.
const SILENCE: Duration = Duration::from_secs(60);
const PROBE_PAUSE: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// How long one connection is given to make room.
const ROOM_PAUSE: Duration = Duration::from_millis(20);
/// After an error of the system's, such as no file being left.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// How long what is queued when the listener closes waits for room.
const LAST_ROOM: Duration = Duration::from_secs(2);

/// For what is between a connection's first packet and its third, on a slow network.
const LAST_HANDSHAKES: Duration = Duration::from_millis(500);
/// A packet filter that drops a connection's first packet (the bit SYN in the flags, byte 13 of a TCP
/// header) and lets through all others. Whoever sent it tries again a second later, and is refused
/// then, or met by our successor. In words of BPF: load the byte, test the bit, return 0 or all.
const NO_NEW_CONNECTIONS: [SockFilter; 4] = [
    SockFilter::new(0x30, 0, 0, 13),
    SockFilter::new(0x45, 0, 1, 0x02),
    SockFilter::new(0x06, 0, 0, 0),
    SockFilter::new(0x06, 0, 0, u32::MAX),
];

/// The listener, and the count of what it accepted.
pub struct Acceptor {
    listener: Listening,
    slots: Arc<Semaphore>,
    limit: usize,
}

impl Acceptor {
    pub fn new(listener: Socket) -> io::Result<Self> {
        let limit = connection_limit();
        Ok(Self {
            listener: Listening::new(listener)?,
            slots: Arc::new(Semaphore::new(limit)),
            limit,
        })
    }

    /// Accepts until this future is dropped.
    pub async fn accept(&self, workers: &Workers) {
        loop {
            let slot = self.slot(workers).await;
            match self.listener.accept().await {
                Ok((stream, peer)) => workers.serve(Accepted { stream, peer, slot }),
                Err(error) => wait_after(&error).await,
            }
        }
    }

    /// Closes the listener so that whoever comes later is refused, and nobody who was let in is reset:
    /// the kernel begins no more connections, those that have begun are accepted, and what is queued
    /// then in the same breath as the listener closes.
    pub async fn close(self, workers: &Workers) -> io::Result<OpenConnections> {
        match self.listener.shut_out() {
            // Accepting ends with the time.
            Ok(()) => drop(timeout(LAST_HANDSHAKES, self.accept(workers)).await),
            Err(error) => log::debug!("new connections cannot be kept out: {error}"),
        }
        let Self { listener, slots, limit } = self;
        let listener = listener.into_socket()?;
        loop {
            let slot = match Arc::clone(&slots).try_acquire_owned() {
                Ok(slot) => slot,
                Err(_) => {
                    workers.make_room();
                    match timeout(LAST_ROOM, Arc::clone(&slots).acquire_owned()).await {
                        Ok(Ok(slot)) => slot,
                        _ => break,
                    }
                }
            };
            match accept(&listener) {
                Ok((stream, peer)) => workers.serve(Accepted { stream, peer, slot }),
                Err(error) if is_the_callers(&error) => {}
                // Nobody is left, or there is no way to take them.
                Err(_) => break,
            }
        }
        Ok(OpenConnections { slots, limit })
    }

    /// Stops accepting, and leaves what is queued to whoever else holds the listener.
    pub fn leave(self) -> OpenConnections {
        OpenConnections { slots: self.slots, limit: self.limit }
    }

    async fn slot(&self, workers: &Workers) -> OwnedSemaphorePermit {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return slot;
            }
            workers.make_room();
            if let Ok(Ok(slot)) = timeout(ROOM_PAUSE, Arc::clone(&self.slots).acquire_owned()).await
            {
                return slot;
            }
        }
    }
}

/// TCP, or a unix socket that systemd holds for a proxy on this machine.
enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    fn new(listener: Socket) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        if listener.local_addr()?.is_unix() {
            return UnixListener::from_std(listener.into()).map(Self::Unix);
        }
        // Every connection that is accepted inherits it.
        let keepalive =
            TcpKeepalive::new().with_time(SILENCE).with_interval(PROBE_PAUSE).with_retries(PROBES);
        listener.set_tcp_keepalive(&keepalive)?;
        TcpListener::from_std(listener.into()).map(Self::Tcp)
    }

    /// A connection, and its peer's address, which who comes by a unix socket does not have.
    async fn accept(&self) -> io::Result<(Socket, Option<SocketAddr>)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((stream.into_std()?.into(), Some(peer)))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((stream.into_std()?.into(), None))
            }
        }
    }

    fn shut_out(&self) -> io::Result<()> {
        match self {
            Self::Tcp(listener) => SockRef::from(listener).attach_filter(&NO_NEW_CONNECTIONS),
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn into_socket(self) -> io::Result<Socket> {
        match self {
            Self::Tcp(listener) => listener.into_std().map(Socket::from),
            Self::Unix(listener) => listener.into_std().map(Socket::from),
        }
    }
}

/// The connections that are still open when no more are accepted.
pub struct OpenConnections {
    slots: Arc<Semaphore>,
    limit: usize,
}

impl OpenConnections {
    /// Returns when all have ended, or after this long.
    pub async fn end(&self, time: Duration) {
        // MAX_CONNECTIONS is far below what a u32 holds.
        let all = self.slots.acquire_many(self.limit as u32);
        let _ = timeout(time, all).await;
    }
}

/// The same at once, or not at all.
fn accept(listener: &Socket) -> io::Result<(Socket, Option<SocketAddr>)> {
    let (stream, peer) = listener.accept()?;
    stream.set_nonblocking(true)?;
    Ok((stream, peer.as_socket()))
}

/// A caller that is gone again costs nothing; without files, others must end first.
async fn wait_after(error: &io::Error) {
    if !is_the_callers(error) {
        log::warn!("cannot accept a connection: {error}");
        sleep(ERROR_PAUSE).await;
    }
}

fn is_the_callers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

/// Raises the soft limit of open files to the hard one, and keeps within it.
fn connection_limit() -> usize {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => files,
        Err(error) => {
            log::warn!("cannot raise the limit of open files: {error}");
            rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024)
        }
    };
    let left = files.saturating_sub(OTHER_FILES).max(files / 2);
    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(MAX_CONNECTIONS);
    if limit < MAX_CONNECTIONS {
        log::warn!("open files are limited to {files}, and so are connections to {limit}");
    }
    limit
}
