//! Accepts connections as long as there is room for them, up to the moment when the listener closes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use actix_rt::net::{TcpListener, UnixListener};
use actix_rt::time::{Instant, sleep, timeout};
use socket2::{SockFilter, SockRef, Socket, TcpKeepalive};
use tokio::sync::OwnedSemaphorePermit;

use super::slots::Slots;
use super::workers::{Accepted, Workers};

/// A peer that has vanished is noticed after a minute and a half of silence.
const SILENCE: Duration = Duration::from_secs(60);
const PROBE_PAUSE: Duration = Duration::from_secs(10);
const PROBES: u32 = 3;
/// What the kernel holds for a caller who does not read. Answers have some hundred bytes.
const SEND_BUFFER_BYTES: usize = 16 * 1_024;
/// How long one connection is given to make room.
const ROOM_PAUSE: Duration = Duration::from_millis(20);
/// After an error of the system's, such as no file being left.
const ERROR_PAUSE: Duration = Duration::from_millis(100);
/// How long what is queued when the listener closes waits for room, all of it.
const LAST_ROOM: Duration = Duration::from_secs(1);
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

/// The listener, and the slots for what it accepts.
pub struct Acceptor {
    listener: Listening,
    slots: Slots,
}

impl Acceptor {
    pub fn new(listener: Socket, slots: Slots) -> io::Result<Self> {
        Ok(Self { listener: Listening::new(listener)?, slots })
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
    pub async fn close(self, workers: &Workers) -> io::Result<()> {
        match self.listener.shut_out() {
            // Accepting ends with the time.
            Ok(()) => drop(timeout(LAST_HANDSHAKES, self.accept(workers)).await),
            Err(error) => log::debug!("new connections cannot be kept out: {error}"),
        }
        let Self { listener, slots } = self;
        let listener = listener.into_socket()?;
        let deadline = Instant::now() + LAST_ROOM;
        loop {
            let slot = match slots.take() {
                Some(slot) => slot,
                None => {
                    workers.make_room();
                    match slots.wait(deadline.saturating_duration_since(Instant::now())).await {
                        Some(slot) => slot,
                        None => break,
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
        Ok(())
    }

    async fn slot(&self, workers: &Workers) -> OwnedSemaphorePermit {
        loop {
            if let Some(slot) = self.slots.take() {
                return slot;
            }
            workers.make_room();
            if let Some(slot) = self.slots.wait(ROOM_PAUSE).await {
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
        // Every connection that is accepted inherits it, and TCP's the other one.
        listener.set_send_buffer_size(SEND_BUFFER_BYTES)?;
        if listener.local_addr()?.is_unix() {
            return UnixListener::from_std(listener.into()).map(Self::Unix);
        }
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
