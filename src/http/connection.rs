//! A caller's connection: what beneath HTTP keeps a slow or greedy one from holding much for long.
//!
//! actix-http times the first head of a connection only, and takes up to 128 KiB of each. So the
//! stream that it reads from knows what the connection is at, as [`Progress`] is told by the
//! requests on it, and ends where a head, a silence or an unread answer takes too long.

use std::io;
use std::mem;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_rt::net::{TcpStream, UnixStream};
use actix_rt::time::{Instant, Sleep, sleep_until};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio_util::either::Either;

use super::progress::{HEAD_TIME, Phase, Progress};
use super::stopping::{Stage, Stopping};

/// How long an answer may wait for a caller that does not read; answers fit into one packet.
const UNREAD_TIME: Duration = Duration::from_secs(10);

/// A stream that ends where its caller takes too long.
pub struct Connection {
    stream: Either<TcpStream, UnixStream>,
    progress: Rc<Progress>,
    /// What came behind a head and is handed on when it is known to be of the same request.
    held: Vec<u8>,
    stopping: Stopping,
    /// Rings at the next deadline or before; then it is set anew.
    alarm: Pin<Box<Sleep>>,
    unread_since: Option<Instant>,
}

impl Connection {
    pub fn new(stream: Either<TcpStream, UnixStream>, stopping: Stopping) -> Self {
        let progress = Progress::new();
        let alarm = Box::pin(sleep_until(progress.since.get() + HEAD_TIME));
        Self {
            stream,
            progress: Rc::new(progress),
            held: Vec::new(),
            stopping,
            alarm,
            unread_since: None,
        }
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
        let most = self.progress.bytes_at_once().max(1);
        let mut part = (&mut self.stream).take(most as u64);
        Pin::new(&mut part).poll_read(cx, buffer)
    }

    /// Hands on what came if it is of the present request. What is sent ahead is dropped, as the
    /// connection closes after the answer; what may be either is held.
    fn hand_on(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
        filled: usize,
    ) -> Poll<io::Result<()>> {
        let came = buffer.filled().get(filled..).unwrap_or_default();
        if came.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let count = self.progress.came(came);
        if !self.progress.is_whole() {
            let rest = came.get(count..).unwrap_or_default();
            self.held.splice(..0, rest.iter().copied());
        }
        self.progress.held.set(self.held.len());
        buffer.set_filled(filled + count);
        if count > 0 {
            return Poll::Ready(Ok(()));
        }
        self.wait_for_request(cx)
    }

    /// Reads nothing until HTTP's reader has found the request, or it is answered.
    fn wait_for_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress.reader.replace(Some(cx.waker().clone()));
        self.wait_for_caller(cx)
    }

    /// Nothing has come. Ready is the end of the stream.
    fn wait_for_caller(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress.reader_waits();
        if self.progress.phase.get() == Phase::Body {
            // It may be answered before more comes, and this is the end of the stream then.
            self.progress.reader.replace(Some(cx.waker().clone()));
        }
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
            self.unread_since = None;
            return written;
        }
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
        if this.progress.is_over.get() {
            return Poll::Ready(Ok(()));
        }
        if this.progress.is_handed_on() {
            return this.wait_for_request(cx);
        }
        if this.progress.is_long() && this.progress.is_looked_at.replace(true) {
            // It was looked at, and is still no whole head: a byte that may stand nowhere in one has
            // HTTP's reader refuse it, where the end of the stream would leave it without an answer.
            this.progress.is_over.set(true);
            buffer.put_slice(b"\0");
            return Poll::Ready(Ok(()));
        }
        if this.progress.is_long() || this.progress.has_plenty() {
            this.progress.reader_waits();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let filled = buffer.filled().len();
        if this.held.is_empty() {
            match this.poll_stream(cx, buffer) {
                Poll::Ready(read) => read?,
                Poll::Pending => return this.wait_for_caller(cx),
            }
        } else {
            let mut held = mem::take(&mut this.held);
            let most = this.progress.bytes_at_once().max(1).min(buffer.remaining());
            this.held = held.split_off(held.len().min(most));
            buffer.put_slice(&held);
        }
        this.hand_on(cx, buffer, filled)
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
