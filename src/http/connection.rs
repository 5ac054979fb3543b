//! A caller's connection: what beneath HTTP keeps a slow or greedy one from holding much for long.
//!
//! actix-http times the first head of a connection only, and takes up to 128 KiB of each. So the
//! stream that it reads from knows what the connection is at, as [`Progress`] is told by the
//! requests on it, and ends where a head, a silence or an unread answer takes too long.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use actix_rt::net::{TcpStream, UnixStream};
use actix_rt::time::{Instant, Sleep, sleep_until};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_util::either::Either;

use super::stopping::{Stage, Stopping};

/// What a head may take: pages send a kilobyte in one packet.
pub const HEAD_TIME: Duration = Duration::from_secs(5);
/// Longer than common load balancers' own, so that it is they who close.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// How long an answer may wait for a caller that does not read; answers fit into one packet.
const UNREAD_TIME: Duration = Duration::from_secs(10);
/// Bytes of a head, with what came behind it in the same packets. Room for the longest data in a
/// query, and for the headers that proxies add.
const MAX_HEAD_BYTES: usize = 16 * 1_024;
/// Bytes that a caller may send ahead while its request is worked on.
const MAX_BYTES_AHEAD: usize = 16 * 1_024;
/// What is read at once of anything but a body: pages send less. Whoever sends more at once is looked
/// at before more is read, as it may be many requests.
const MAX_BYTES_AT_ONCE: usize = 4 * 1_024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What a connection is at: shared by its stream and the requests on it.
pub struct Progress {
    phase: Cell<Phase>,
    since: Cell<Instant>,
    /// Bytes that came in this phase.
    bytes: Cell<usize>,
    /// Those of them that came behind the head, if its end was seen.
    behind_head: Cell<Option<usize>>,
    /// Whether a head that is as long as one may be was looked at.
    is_looked_at: Cell<bool>,
    /// Whether a whole head came with as much behind it as is read at once.
    has_plenty: Cell<bool>,
    /// Whether the next head began to come before this request was answered.
    has_next: Cell<bool>,
    /// Whether an answer waits for the caller to read.
    is_unread: Cell<bool>,
    /// Whether the stream ends here, as the connection closes.
    is_over: Cell<bool>,
    /// Of the reader who waits until the request is answered.
    reader: RefCell<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing has come yet.
    New,
    /// Waits for a further request.
    Idle,
    /// A head is coming.
    Head,
    /// The head is here, its body is coming.
    Body,
    /// The request is worked on.
    Work,
}

impl Progress {
    fn new() -> Self {
        Self {
            phase: Cell::new(Phase::New),
            since: Cell::new(Instant::now()),
            bytes: Cell::default(),
            behind_head: Cell::default(),
            is_looked_at: Cell::default(),
            has_plenty: Cell::default(),
            has_next: Cell::default(),
            is_unread: Cell::default(),
            is_over: Cell::default(),
            reader: RefCell::default(),
        }
    }

    /// A head is complete; its body is to have so many bytes, where that is known.
    pub fn request_begins(&self, content_length: Option<usize>) {
        let behind_head = self.behind_head.take();
        self.has_next.set(content_length.zip(behind_head).is_some_and(|(body, all)| all > body));
        // Without a body, what comes from now on is sent ahead.
        self.enter(if content_length == Some(0) { Phase::Work } else { Phase::Body });
    }

    /// When the head of the request that is under way was complete.
    pub fn request_began(&self) -> Instant {
        self.since.get()
    }

    pub fn body_is_read(&self) {
        // The time of the head stays what it was.
        self.phase.set(Phase::Work);
        self.bytes.set(0);
    }

    /// Returns whether the next head began to come before, now or ever. Then no more is read, and the
    /// connection is to be closed.
    pub fn request_is_answered(&self) -> bool {
        let has_next =
            self.has_next.take() || (self.phase.get() == Phase::Work && self.bytes.get() > 0);
        self.enter(if has_next { Phase::Head } else { Phase::Idle });
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        self.is_over.set(self.is_over.get() || has_next);
        self.is_over.get()
    }

    /// Since when the connection waits for its caller, whose turn it is; of those that wait for a
    /// further request, only where nothing else `is_scarce`.
    pub fn waits_since(&self, even_if_idle: bool) -> Option<Instant> {
        match self.phase.get() {
            Phase::New | Phase::Head | Phase::Body => Some(self.since.get()),
            Phase::Idle if even_if_idle => Some(self.since.get()),
            Phase::Idle | Phase::Work => None,
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.since.set(Instant::now());
        self.bytes.set(0);
        self.is_looked_at.set(false);
    }

    fn came(&self, bytes: &[u8]) {
        match self.phase.get() {
            // The first head has its time from the beginning of the connection.
            Phase::New => self.phase.set(Phase::Head),
            Phase::Idle => self.enter(Phase::Head),
            _ => {}
        }
        self.bytes.set(self.bytes.get() + bytes.len());
        if self.phase.get() == Phase::Head {
            let behind = match self.behind_head.get() {
                Some(behind) => Some(behind + bytes.len()),
                None => end_of_head(bytes).map(|end| bytes.len() - end),
            };
            self.behind_head.set(behind);
            self.has_plenty.set(behind.is_some() && bytes.len() == MAX_BYTES_AT_ONCE);
        }
    }

    /// When the caller's time is over.
    fn deadline(&self) -> Option<Instant> {
        match self.phase.get() {
            Phase::New | Phase::Head => Some(self.since.get() + HEAD_TIME),
            Phase::Idle => Some(self.since.get() + KEEP_ALIVE),
            // The body has its own, and what is worked on is ours to end.
            Phase::Body | Phase::Work => None,
        }
    }

    fn may_read(&self) -> bool {
        match self.phase.get() {
            Phase::Work => self.bytes.get() < MAX_BYTES_AHEAD,
            Phase::Body => true,
            Phase::New | Phase::Idle | Phase::Head => self.bytes.get() < MAX_HEAD_BYTES,
        }
    }
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let start = bytes.windows(END_OF_HEAD.len()).position(|window| window == END_OF_HEAD)?;
    Some(start + END_OF_HEAD.len())
}

/// A stream that ends where its caller takes too long.
pub struct Connection {
    stream: Either<TcpStream, UnixStream>,
    progress: Rc<Progress>,
    stopping: Stopping,
    /// Rings at the next deadline or before; then it is set anew.
    alarm: Pin<Box<Sleep>>,
    unread_since: Option<Instant>,
}

impl Connection {
    pub fn new(stream: Either<TcpStream, UnixStream>, stopping: Stopping) -> Self {
        let progress = Progress::new();
        let alarm = Box::pin(sleep_until(progress.since.get() + HEAD_TIME));
        Self { stream, progress: Rc::new(progress), stopping, alarm, unread_since: None }
    }

    pub fn progress(&self) -> &Rc<Progress> {
        &self.progress
    }

    /// Ready when the deadline is over.
    fn poll_deadline(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        while Instant::now() < deadline {
            if self.alarm.is_elapsed() || self.alarm.deadline() > deadline {
                self.alarm.as_mut().reset(deadline);
            }
            ready!(self.alarm.as_mut().poll(cx));
        }
        Poll::Ready(())
    }

    /// Reads what may be read at once.
    fn poll_stream(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = Pin::new(&mut self.stream);
        if self.progress.phase.get() == Phase::Body {
            return stream.poll_read(cx, buffer);
        }
        let at_once = MAX_BYTES_AT_ONCE.min(buffer.remaining());
        let mut part = ReadBuf::new(buffer.initialize_unfilled_to(at_once));
        ready!(stream.poll_read(cx, &mut part))?;
        let count = part.filled().len();
        buffer.advance(count);
        Poll::Ready(Ok(()))
    }

    /// Reads nothing until what has come is looked at, or the request is answered.
    fn hold_back(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.phase.get() == Phase::Work {
            self.progress.reader.replace(Some(cx.waker().clone()));
        } else if self.progress.is_looked_at.replace(true) {
            // It was looked at, and is still no whole head.
            return Poll::Ready(Ok(()));
        } else {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Nothing has come. Ready is the end of the stream.
    fn wait_for_caller(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.progress.phase.get() == Phase::Idle && self.stopping.is_at(Stage::IdleEnds) {
            return Poll::Ready(Ok(()));
        }
        match self.progress.deadline() {
            Some(deadline) => self.poll_deadline(cx, deadline).map(Ok),
            None => Poll::Pending,
        }
    }

    /// The answer's bytes went, or wait for the caller to read.
    fn wait_for_reader<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            if self.unread_since.take().is_some() {
                self.progress.is_unread.set(false);
                cx.waker().wake_by_ref();
            }
            return written;
        }
        self.progress.is_unread.set(true);
        let since = *self.unread_since.get_or_insert_with(Instant::now);
        self.poll_deadline(cx, since + UNREAD_TIME).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // Nobody who does not read is read, or what waits to be written would have no bound.
        if this.progress.is_unread.get() {
            return Poll::Pending;
        }
        if this.progress.is_over.get() {
            return Poll::Ready(Ok(()));
        }
        if !this.progress.may_read() {
            return this.hold_back(cx);
        }
        if this.progress.has_plenty.take() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let filled = buffer.filled().len();
        match this.poll_stream(cx, buffer) {
            Poll::Ready(read) => {
                if let Some(bytes) = buffer.filled().get(filled..).filter(|bytes| !bytes.is_empty())
                {
                    this.progress.came(bytes);
                }
                Poll::Ready(read)
            }
            Poll::Pending => this.wait_for_caller(cx),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wait_for_reader(cx, written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
