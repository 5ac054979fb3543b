//! The caller's connection, for the faults that end it in ways HTTP does not know.

use std::any::Any;
use std::io;
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::Extensions;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};
use parking_lot::{Condvar, Mutex};

/// A connection that takes longer to close is left alone.
const LONGEST_CLOSE: Duration = Duration::from_secs(5);

/// How many connections are open, so that stopping can wait for the last.
#[derive(Default)]
pub(crate) struct OpenConnections {
    count: Mutex<usize>,
    closed: Condvar,
}

/// A second handle on the socket that actix serves.
struct Connection {
    socket: Option<TcpStream>,
    open: Arc<OpenConnections>,
}

impl OpenConnections {
    /// To be called for every new connection.
    pub(crate) fn remember(self: &Arc<Self>, stream: &dyn Any, extensions: &mut Extensions) {
        *self.count.lock() += 1;
        let stream = stream.downcast_ref::<actix_rt::net::TcpStream>();
        let socket = stream.and_then(|stream| stream.as_fd().try_clone_to_owned().ok());
        extensions
            .insert(Connection { socket: socket.map(TcpStream::from), open: Arc::clone(self) });
    }

    pub(crate) fn wait_until_closed(&self) {
        self.closed.wait_while_for(&mut self.count.lock(), |count| *count > 0, LONGEST_CLOSE);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // The socket closes before it is counted as closed.
        self.socket = None;
        *self.open.count.lock() -= 1;
        self.open.closed.notify_all();
    }
}

/// Closes the connection without a byte, in the orderly way (FIN).
pub(crate) fn close() -> HttpResponse {
    HttpResponse::Ok().body(CutBody { size: BodySize::Stream, beginning: None, flushed: true })
}

/// Closes the connection without a byte, by RST.
pub(crate) fn reset(request: &HttpRequest) -> HttpResponse {
    let connection = request.conn_data::<Connection>();
    let socket = connection.and_then(|connection| connection.socket.as_ref());
    if let Some(Err(error)) = socket.map(reset_when_closed) {
        log::warn!("a connection is closed in the orderly way instead of reset: {error}");
    }
    close()
}

/// Announces the whole body, sends half of it and closes the connection.
pub(crate) fn cut_in_half(text: &str) -> HttpResponse {
    let half = Bytes::copy_from_slice(&text.as_bytes()[..text.len() / 2]);
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain")).body(CutBody {
        size: BodySize::Sized(text.len() as u64),
        beginning: Some(half),
        flushed: false,
    })
}

/// The option belongs to the socket, so it also holds for actix's handle.
fn reset_when_closed(socket: &TcpStream) -> io::Result<()> {
    let socket = actix_rt::net::TcpStream::from_std(socket.try_clone()?)?;
    socket.set_zero_linger()
}

/// A body that breaks off. When a body fails, actix drops the connection with
/// all that it has not yet written. So a body that fails at once means that not
/// even the head is sent, and one that pauses first gets its beginning sent.
struct CutBody {
    size: BodySize,
    beginning: Option<Bytes>,
    flushed: bool,
}

impl MessageBody for CutBody {
    type Error = io::Error;

    fn size(&self) -> BodySize {
        self.size
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(beginning) = self.beginning.take() {
            return Poll::Ready(Some(Ok(beginning)));
        }
        if !self.flushed {
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())))
    }
}
