//! A caller who writes bytes, not requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Server;

pub fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

pub fn send(server: &Server, bytes: impl AsRef<[u8]>) -> TcpStream {
    let mut stream = connect(server);
    stream.write_all(bytes.as_ref()).expect("the server reads");
    stream
}

/// One answer without a body of its own length: `/healthz` fits into one packet.
pub fn read_some(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4_096];
    let length = stream.read(&mut bytes).expect("an answer or the end");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

/// Everything until the server closes, and how long that took.
pub fn read_to_end(mut stream: TcpStream) -> (String, Duration) {
    let begun = Instant::now();
    let mut bytes = Vec::new();
    // A reset is an end as well.
    let _ = stream.read_to_end(&mut bytes);
    (String::from_utf8_lossy(&bytes).into_owned(), begun.elapsed())
}
