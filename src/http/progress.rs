//! What a connection is at, and so whose turn it is and how long it may take. No I/O.
//!
//! The stream tells what came, the requests on it when they begin and are answered.

use std::cell::{Cell, RefCell};
use std::task::Waker;
use std::time::Duration;

use actix_rt::time::Instant;

/// What a head may take: pages send a kilobyte in one packet.
pub const HEAD_TIME: Duration = Duration::from_secs(5);
/// Longer than common load balancers' own, so that it is they who close.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);
/// Bytes of a head, with what came behind it in the same packets. Room for the longest data in a
/// query, and for the headers that proxies add.
const MAX_HEAD_BYTES: usize = 16 * 1_024;
/// Bytes that a caller may send ahead while its request is worked on.
const MAX_BYTES_AHEAD: usize = 16 * 1_024;
/// What is read at once: pages send less. Whoever sends more at once is looked at before more is read,
/// as it may be many requests.
const MAX_BYTES_AT_ONCE: usize = 4 * 1_024;
/// The same of a body, for which there may be no room.
const MAX_BODY_BYTES_AT_ONCE: usize = 16 * 1_024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// What a connection is at: shared by its stream and the requests on it.
pub struct Progress {
    pub(super) phase: Cell<Phase>,
    pub(super) since: Cell<Instant>,
    /// Bytes that came in this phase.
    bytes: Cell<usize>,
    /// Those of them that came behind the head, if its end was seen.
    behind_head: Cell<Option<usize>>,
    /// Whether a head that is as long as one may be was looked at.
    pub(super) is_looked_at: Cell<bool>,
    /// Whether as much came as is read at once, of a body or with a whole head in it.
    pub(super) has_plenty: Cell<bool>,
    /// Whether the next head began to come before this request was answered.
    has_next: Cell<bool>,
    /// Whether the stream ends here, as the connection closes.
    pub(super) is_over: Cell<bool>,
    /// Of the reader who waits until the request is answered.
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
            behind_head: Cell::default(),
            is_looked_at: Cell::default(),
            has_plenty: Cell::default(),
            has_next: Cell::default(),
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

    pub(super) fn came(&self, bytes: &[u8]) {
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
        }
        let is_to_be_looked_at = match self.phase.get() {
            Phase::Head => self.behind_head.get().is_some(),
            phase => phase == Phase::Body,
        };
        self.has_plenty.set(is_to_be_looked_at && bytes.len() == self.bytes_at_once());
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

    pub(super) fn bytes_at_once(&self) -> usize {
        match self.phase.get() {
            Phase::Body => MAX_BODY_BYTES_AT_ONCE,
            _ => MAX_BYTES_AT_ONCE,
        }
    }

    pub(super) fn may_read(&self) -> bool {
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
