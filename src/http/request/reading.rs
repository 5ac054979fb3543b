//! Reads a body: whole, in time, and without holding more of half-sent ones than there is room for.

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use actix_rt::time::{Instant, timeout};
use actix_web::HttpRequest;
use actix_web::dev::Payload;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use actix_web::web::{Bytes, Data};
use futures_core::Stream as _;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Invalid, Result};
use crate::http::progress::Progress;

/// The largest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// What a body may take from its head on; pages send a kilobyte in one packet.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Bytes of bodies that are still being read, over the process.
const ROOM_BYTES: usize = 32 * 1024 * 1024;

/// The room for bodies that are still being read. One that comes with its head takes none of it.
pub struct BodyRoom(Semaphore);

impl BodyRoom {
    pub fn new() -> Self {
        Self(Semaphore::new(ROOM_BYTES))
    }

    /// Makes what is taken so many bytes.
    fn take<'a>(&'a self, taken: &mut SemaphorePermit<'a>, bytes: usize) -> Result<()> {
        // A body is far below what a u32 holds.
        let more = bytes.saturating_sub(taken.num_permits()) as u32;
        let more = self.0.try_acquire_many(more);
        taken.merge(more.map_err(|_| Error::Busy("the room for half-sent bodies"))?);
        Ok(())
    }
}

/// The whole body.
pub(super) async fn body(request: &HttpRequest, payload: Payload) -> Result<Vec<u8>> {
    if content_length(request).is_some_and(|length| length > MAX_BODY_BYTES) {
        return Err(Error::PayloadTooLarge);
    }
    let progress = request.conn_data::<Rc<Progress>>();
    let began = progress.map_or_else(Instant::now, |progress| progress.request_began());
    let left = (began + BODY_TIME).saturating_duration_since(Instant::now());
    let body = timeout(left, read(request, payload)).await.map_err(|_| Error::RequestTimeout)?;
    // Of one that is refused, the rest may still come.
    if let (Some(progress), Ok(_)) = (progress, &body) {
        progress.body_is_read();
    }
    body
}

async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Vec<u8>> {
    let no_room = || Error::Internal("there is no room for bodies".to_owned());
    let room = request.app_data::<Data<BodyRoom>>().ok_or_else(no_room)?;
    let mut taken = room.0.try_acquire_many(0).map_err(|_| no_room())?;
    let mut body = Vec::new();
    // HTTP's reader takes all that comes behind such a head for another protocol's, which nobody speaks
    // here.
    let headers = request.headers();
    let has_no_end = headers.contains_key(UPGRADE) && !headers.contains_key(TRANSFER_ENCODING);
    let end = has_no_end.then(|| content_length(request).unwrap_or_default());
    while end.is_none_or(|end| body.len() < end) {
        let chunk = match what_came(&mut payload).await {
            Some(chunk) => chunk,
            None => {
                room.take(&mut taken, body.capacity())?;
                poll_fn(|cx| Pin::new(&mut payload).poll_next(cx)).await
            }
        };
        let Some(chunk) = chunk else {
            return Ok(body);
        };
        let chunk = chunk.map_err(|_| Error::InvalidRequest(Invalid::Body))?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Error::PayloadTooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

type Chunk = std::result::Result<Bytes, PayloadError>;

/// The next chunk or the end, if it is there; `None` where it must be waited for.
async fn what_came(payload: &mut Payload) -> Option<Option<Chunk>> {
    poll_fn(|cx| match Pin::new(&mut *payload).poll_next(cx) {
        Poll::Ready(chunk) => Poll::Ready(Some(chunk)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

fn content_length(request: &HttpRequest) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
