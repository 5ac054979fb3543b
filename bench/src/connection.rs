//! One keep-alive connection: HTTP/1.1 as far as our own server speaks it, in few instructions, so
//! that the load generator takes little of the CPU that it shares with what it measures.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 32;
/// Our longest answer has some hundred bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;

pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
pub struct Answer<'a> {
    pub status: u16,
    /// Status line and headers.
    pub head: &'a [u8],
    pub body: &'a [u8],
}

impl Answer<'_> {
    /// Whether the server closes the connection after it.
    pub fn closes(&self) -> bool {
        const CLOSE: &[u8] = b"connection: close";
        self.head.windows(CLOSE.len()).any(|bytes| bytes.eq_ignore_ascii_case(CLOSE))
    }
}

impl From<TcpStream> for Connection {
    fn from(stream: TcpStream) -> Self {
        Self { stream, received: Vec::with_capacity(READ_BYTES) }
    }
}

/// What a head says.
struct Head {
    status: u16,
    head_bytes: usize,
    body_bytes: usize,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self::from(stream))
    }

    /// Sends a whole request and reads its answer.
    pub async fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.received.clear();
        self.stream.write_all(request).await?;
        self.receive().await
    }

    async fn receive(&mut self) -> io::Result<Answer<'_>> {
        let head = loop {
            self.received.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(head) = read_head(&self.received)?
                && self.received.len() >= head.head_bytes + head.body_bytes
            {
                break head;
            }
            if self.received.len() > MAX_ANSWER_BYTES {
                return Err(invalid("the answer is too long"));
            }
        };
        let (bytes, body) = self.received.split_at(head.head_bytes);
        if body.len() != head.body_bytes {
            return Err(invalid("there is more than one answer"));
        }
        Ok(Answer { status: head.status, head: bytes, body })
    }
}

/// `None` as long as the head is not whole.
fn read_head(received: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(received).map_err(|error| invalid(&error.to_string()))?;
    let httparse::Status::Complete(head_bytes) = parsed else {
        return Ok(None);
    };
    let length = response
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .and_then(|header| str::from_utf8(header.value).ok()?.parse().ok());
    let body_bytes = length.ok_or_else(|| invalid("the answer has no Content-Length"))?;
    let status = response.code.unwrap_or_default();
    Ok(Some(Head { status, head_bytes, body_bytes }))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
