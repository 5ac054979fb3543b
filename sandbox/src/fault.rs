//! Faults on demand: what can go wrong, what becomes of the code, and the queue.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// What goes wrong with one exchange. Where the code is consumed, it is consumed
/// as if the exchange had gone well: a bad code gets its usual errcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// errcode -1. The code is not consumed.
    Busy,
    /// This errcode. The code is not consumed.
    Errcode(i64),
    /// No answer for a minute, then the connection closes. The code is not consumed.
    Hang,
    /// The connection is reset without a byte. The code is not consumed.
    Reset,
    /// The connection closes without a byte, and the code is consumed.
    LostAnswer,
    /// 200 with text that is not JSON. The code is not consumed.
    Garbage,
    /// 200 with an HTML page, as a proxy would send. The code is not consumed.
    Html,
    /// 500 with a text. The code is not consumed.
    ServerError,
    /// 302 to a place that would exchange the code. It is not consumed unless
    /// somebody follows, which then counts as one more call.
    Redirect,
    /// Complete HTTP, but the JSON ends in the middle. The code is consumed.
    Truncated,
    /// The body ends before its Content-Length. The code is consumed.
    TruncatedBody,
    /// The right answer with 1 MiB of filling in it. The code is consumed.
    Oversized,
    /// An openid without a session_key. The code is consumed.
    MissingKey,
    /// A session_key of 8 bytes. The code is consumed.
    ShortKey,
    /// The right answer, this many milliseconds late. The code is consumed at once.
    Delay(u64),
}

impl Fault {
    pub(crate) fn consumes_the_code(self) -> bool {
        matches!(
            self,
            Fault::LostAnswer
                | Fault::Truncated
                | Fault::TruncatedBody
                | Fault::Oversized
                | Fault::MissingKey
                | Fault::ShortKey
                | Fault::Delay(_)
        )
    }
}

/// First in, first met. Repetitions are counted, not copied, so that a big
/// number costs nothing.
#[derive(Default)]
pub(crate) struct FaultQueue(VecDeque<(Fault, usize)>);

impl FaultQueue {
    pub(crate) fn push(&mut self, fault: Fault, times: usize) {
        if times > 0 {
            self.0.push_back((fault, times));
        }
    }

    pub(crate) fn take(&mut self) -> Option<Fault> {
        let (fault, times) = self.0.front_mut()?;
        let fault = *fault;
        *times -= 1;
        if *times == 0 {
            self.0.pop_front();
        }
        Some(fault)
    }
}
