//! The network between a server and its database, or WeChat, which a test can cut or make silent.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// Passes bytes on, both ways, until it is told otherwise.
pub struct Relay {
    address: SocketAddr,
    inside: Arc<Inside>,
}

#[derive(Default)]
struct Inside {
    is_cut: AtomicBool,
    /// Connections whose number is below this are silent: what is sent over them is lost.
    silent_below: AtomicUsize,
    streams: Mutex<Vec<TcpStream>>,
    /// What is passed on as something else of the same length.
    rewritten: Option<(&'static [u8], &'static [u8])>,
}

impl Relay {
    pub fn to(target: &str) -> Self {
        Self::with(target, Inside::default())
    }

    /// One that meddles, as a proxy may.
    pub fn rewriting(target: &str, text: &'static str, as_text: &'static str) -> Self {
        assert_eq!(text.len(), as_text.len(), "packets tell their length");
        let rewritten = Some((text.as_bytes(), as_text.as_bytes()));
        Self::with(target, Inside { rewritten, ..Inside::default() })
    }

    fn with(target: &str, inside: Inside) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let inside = Arc::new(inside);
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

    /// How many it has passed on, unless it was cut.
    pub fn connections(&self) -> usize {
        self.inside.streams.lock().expect("no thread panics").len() / 2
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

    /// Swallows what is sent over every connection, and every further one, and resets none.
    pub fn swallow(&self) {
        self.inside.silent_below.store(usize::MAX, Ordering::SeqCst);
    }

    /// Closes every connection; further ones are accepted, and never hear anything.
    pub fn fall_mute(&self) {
        self.swallow();
        for stream in self.inside.streams.lock().expect("no thread panics").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// New connections work again; those that fell silent stay so.
    pub fn mend(&self) {
        let joined = self.inside.streams.lock().expect("no thread panics").len();
        self.inside.silent_below.store(joined, Ordering::SeqCst);
        self.inside.is_cut.store(false, Ordering::SeqCst);
    }
}

impl Inside {
    fn join(self: &Arc<Self>, client: TcpStream, target: &str) -> io::Result<()> {
        let server = TcpStream::connect(target)?;
        let number = {
            let mut streams = self.streams.lock().expect("no thread panics");
            streams.extend([client.try_clone()?, server.try_clone()?]);
            streams.len() - 1
        };
        for (from, to) in
            [(client.try_clone()?, server.try_clone()?), (server.try_clone()?, client.try_clone()?)]
        {
            let inside = Arc::clone(self);
            thread::spawn(move || inside.pass(number, from, to));
        }
        Ok(())
    }

    fn pass(&self, number: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 * 1_024];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            let is_silent = number < self.silent_below.load(Ordering::SeqCst);
            self.rewrite(&mut bytes[..length]);
            if !is_silent && to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    }

    /// Within what was read at once, which a statement is.
    fn rewrite(&self, bytes: &mut [u8]) {
        let Some((text, as_text)) = self.rewritten else { return };
        for start in 0..bytes.len().saturating_sub(text.len()) {
            let place = &mut bytes[start..start + text.len()];
            if place == text {
                place.copy_from_slice(as_text);
            }
        }
    }
}
