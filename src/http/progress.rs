//! What a connection is at, and so whose turn it is and how long it may take. No I/O.
//!
//! The stream tells what came, the requests on it when they begin and are answered.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::Duration;

use actix_rt::time::Instant;

use super::ends::{EndOfChunks, EndOfHead, names_chunks};

/// What a head may take: pages send a kilobyte in one packet.
pub const HEAD_TIME: Duration = Duration::from_secs(5);
/// Longer than common load balancers' own, so that it is they who close.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Bytes of a head, with what came behind it in the same packets. Room for the longest data in a
/// query, and for the headers that proxies add.
const MAX_HEAD_BYTES: usize = 16 * 1_024;
/// What is read at once: pages send less. Whoever sends more of a body is looked at before more is read,
/// as there may be no room for it; and HTTP's reader makes its buffer no larger.
const MAX_BYTES_AT_ONCE: usize = 4 * 1_024;
/// The same of a body in chunks, for each of which HTTP's reader keeps 32 bytes, however small it is.
const MAX_CHUNKED_BYTES_AT_ONCE: usize = 512;

/// What a connection is at: shared by its stream and the requests on it.
pub struct Progress {
    pub(super) phase: Cell<Phase>,
    pub(super) since: Cell<Instant>,
    /// Bytes that were handed on in this phase.
    bytes: Cell<usize>,
    end_of_head: Cell<EndOfHead>,
    end_of_chunks: Cell<EndOfChunks>,
    /// The bytes that came behind the head, if its end was seen.
    behind_head: Cell<Option<usize>>,
    /// What is still to come of the body, where that is known.
    body_left: Cell<Option<usize>>,
    /// Bytes that the stream holds until it is known whose they are.
    pub(super) held: Cell<usize>,
    /// Whether a head that is as long as one may be was looked at.
    pub(super) is_looked_at: Cell<bool>,
    /// Bytes that were handed on since HTTP's reader last let others work.
    at_once: Cell<usize>,
    /// Whether the next head began to come before this request was answered.
    has_next: Cell<bool>,
    /// Whether the stream ends here, as the connection closes.
    pub(super) is_over: Cell<bool>,
    /// Of the reader who waits until the request begins, or is answered.
    pub(super) reader: RefCell<Option<Waker>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
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
    pub(super) fn new() -> Self {
        Self {
            phase: Cell::new(Phase::New),
            since: Cell::new(Instant::now()),
            bytes: Cell::default(),
            end_of_head: Cell::default(),
            end_of_chunks: Cell::default(),
            behind_head: Cell::default(),
            body_left: Cell::default(),
            held: Cell::default(),
            is_looked_at: Cell::default(),
            at_once: Cell::default(),
            has_next: Cell::default(),
            is_over: Cell::default(),
            reader: RefCell::default(),
        }
    }

    /// A head is complete; its body is to have so many bytes, where that is known.
    pub fn request_begins(&self, content_length: Option<usize>) {
        let behind_head = self.behind_head.take().unwrap_or_default();
        let came = behind_head + self.held.get();
        self.has_next.set(content_length.is_some_and(|body| came > body));
        self.body_left.set(content_length.map(|body| body.saturating_sub(behind_head)));
        // Without a body, what comes from now on is sent ahead.
        self.enter(if content_length == Some(0) { Phase::Work } else { Phase::Body });
        self.wake_reader();
    }

    /// When the head of the request that is under way was complete.
    pub fn request_began(&self) -> Instant {
        self.since.get()
    }

    pub fn body_is_read(&self) {
        // The time of the head stays what it was.
        self.phase.set(Phase::Work);
    }

    /// Returns whether it `is_last`, or the next head began to come before, now or ever, or a part of the
    /// body has not come. Then no more is read, and the connection is to be closed.
    pub fn request_is_answered(&self, is_last: bool) -> bool {
        let has_next = self.has_next.take() || self.held.get() > 0;
        self.is_over.set(self.is_over.get() || is_last || has_next || !self.is_whole());
        self.enter(if has_next { Phase::Head } else { Phase::Idle });
        self.wake_reader();
        self.is_over.get()
    }

    fn wake_reader(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Since when the connection waits for its caller, whose turn it is; where it only waits for a
    /// further request, if that counts.
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
        self.end_of_head.set(EndOfHead::default());
        self.is_looked_at.set(false);
    }

    /// These bytes came, or were held: how many of them may be handed on, so that HTTP's reader never
    /// has two requests. Where the first is still worked on, others would fill the memory.
    pub(super) fn came(&self, bytes: &[u8]) -> usize {
        match self.phase.get() {
            // The first head has its time from the beginning of the connection.
            Phase::New => self.phase.set(Phase::Head),
            Phase::Idle => self.enter(Phase::Head),
            _ => {}
        }
        let count = match self.phase.get() {
            Phase::Head if self.behind_head.get().is_some() => 0,
            Phase::Head => self.head_came(bytes),
            Phase::Body => self.body_came(bytes),
            _ => 0,
        };
        self.bytes.set(self.bytes.get() + count);
        let is_cut = count < bytes.len();
        self.has_next.set(self.has_next.get() || (is_cut && self.is_whole()));
        self.at_once.set(self.at_once.get() + count);
        count
    }

    /// Whether so much of a body was handed on that it is to be looked at before more is.
    pub(super) fn has_plenty(&self) -> bool {
        self.phase.get() == Phase::Body && self.bytes_at_once() == 0
    }

    /// HTTP's reader waits, and all else has its turn.
    pub(super) fn reader_waits(&self) {
        self.at_once.set(0);
    }

    /// A page's body comes with its head in one packet, and both are handed on. Where another end of a
    /// head is behind this one's, or chunks may be, it is not known yet what that is.
    fn head_came(&self, bytes: &[u8]) -> usize {
        let mut end_of_head = self.end_of_head.get();
        let end = end_of_head.find(bytes);
        self.end_of_head.set(end_of_head);
        let Some(end) = end else {
            return bytes.len();
        };
        let mut behind = bytes.get(end..).unwrap_or_default();
        let is_one_packet = self.bytes.get() == 0;
        let head = bytes.get(..end).unwrap_or_default();
        if !is_one_packet || names_chunks(head) || EndOfHead::default().find(behind).is_some() {
            behind = &[];
        }
        let mut end_of_chunks = EndOfChunks::default();
        // Without an empty line it holds no end.
        let _ = end_of_chunks.find(behind);
        self.end_of_chunks.set(end_of_chunks);
        self.behind_head.set(Some(behind.len()));
        end + behind.len()
    }

    fn body_came(&self, bytes: &[u8]) -> usize {
        if let Some(left) = self.body_left.get() {
            let count = left.min(bytes.len());
            self.body_left.set(Some(left - count));
            return count;
        }
        let mut end_of_chunks = self.end_of_chunks.get();
        let end = end_of_chunks.find(bytes);
        self.end_of_chunks.set(end_of_chunks);
        self.body_left.set(end.map(|_| 0));
        end.unwrap_or(bytes.len())
    }

    /// Whether all of the request is here, so that what comes now is sent ahead.
    pub(super) fn is_whole(&self) -> bool {
        match self.phase.get() {
            Phase::Work => true,
            Phase::Body => self.body_left.get() == Some(0),
            Phase::New | Phase::Idle | Phase::Head => false,
        }
    }

    /// Whether all that may be handed on of this request was, so that what else came waits.
    pub(super) fn is_handed_on(&self) -> bool {
        let has_head = self.phase.get() == Phase::Head && self.behind_head.get().is_some();
        (has_head && self.held.get() > 0) || (self.is_whole() && self.has_next.get())
    }

    /// When the caller's time is over.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.phase.get() {
            Phase::New | Phase::Head => Some(self.since.get() + HEAD_TIME),
            Phase::Idle => Some(self.since.get() + KEEP_ALIVE),
            // The body has its own, and what is worked on is ours to end.
            Phase::Body | Phase::Work => None,
        }
    }

    /// How many may be handed on before all else has its turn.
    pub(super) fn bytes_at_once(&self) -> usize {
        let most = match (self.phase.get(), self.body_left.get()) {
            (Phase::Body, None) => MAX_CHUNKED_BYTES_AT_ONCE,
            (Phase::Body, Some(1..)) => MAX_BYTES_AT_ONCE,
            _ => return MAX_BYTES_AT_ONCE,
        };
        most.saturating_sub(self.at_once.get())
    }

    /// Whether the head that is coming is as long as one may be.
    pub(super) fn is_long(&self) -> bool {
        let is_head = matches!(self.phase.get(), Phase::New | Phase::Idle | Phase::Head);
        is_head && self.bytes.get() >= MAX_HEAD_BYTES
    }
}
