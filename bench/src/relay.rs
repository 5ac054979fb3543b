//! A slow network between the server and its database, or WeChat.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread::{sleep, spawn};
use std::time::Duration;

use anyhow::Result;

/// Listens, and passes on what comes after so long, both ways. It ends with this program.
pub fn start(target: String, delay: Duration) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    spawn(move || {
        for client in listener.incoming().flatten() {
            // A connection that cannot be made closes the client's.
            let _ = join(client, &target, delay);
        }
    });
    Ok(address)
}

fn join(client: TcpStream, target: &str, delay: Duration) -> Result<()> {
    let server = TcpStream::connect(target)?;
    for (from, to) in
        [(client.try_clone()?, server.try_clone()?), (server.try_clone()?, client.try_clone()?)]
    {
        from.set_nodelay(true)?;
        spawn(move || pass_on(from, to, delay));
    }
    Ok(())
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let mut bytes = [0; 16 * 1_024];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        sleep(delay);
        if to.write_all(bytes.get(..length).unwrap_or_default()).is_err() {
            break;
        }
    }
    // The other side may have closed it.
    let _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
}
