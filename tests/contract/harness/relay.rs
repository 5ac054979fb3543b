//! The network between a server and its database, which a test can cut.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes bytes on, both ways, until it is cut.
pub struct Relay {
    address: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    is_cut: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Relay {
    pub fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let inside = Arc::new(Inside { is_cut: AtomicBool::new(false), streams: Mutex::default() });
        let (accepting, target) = (Arc::clone(&inside), target.to_owned());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // What arrives while the relay is cut is closed at once.
                if !accepting.is_cut.load(Ordering::SeqCst) {
                    let _ = accepting.join(client, &target);
                }
            }
        });
        Self { address, inside }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Closes every connection, and every further one at once.
    pub fn cut(&self) {
        self.inside.is_cut.store(true, Ordering::SeqCst);
        for stream in self.inside.streams.lock().expect("no thread panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.inside.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Inside {
    fn join(&self, client: TcpStream, target: &str) -> io::Result<()> {
        let server = TcpStream::connect(target)?;
        for (mut from, mut to) in
            [(client.try_clone()?, server.try_clone()?), (server.try_clone()?, client.try_clone()?)]
        {
            thread::spawn(move || {
                let _ = io::copy(&mut from, &mut to);
                let _ = to.shutdown(Shutdown::Both);
            });
        }
        self.streams.lock().expect("no thread panics").extend([client, server]);
        Ok(())
    }
}
