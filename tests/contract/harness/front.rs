//! An address of WeChat's, with TLS, in front of the sandbox: alive or dead in one of many ways.

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::TemporaryFile;

/// An authority of a test's own, and the certificate that it gave to one name.
pub struct Authority {
    certificate: rcgen::Certificate,
    key: rcgen::KeyPair,
}

impl Authority {
    pub fn for_name(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().expect("ring makes keys");
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
            .and_then(|parameters| parameters.self_signed(&key))
            .expect("a certificate");
        Self { certificate, key }
    }

    /// For `SSL_CERT_FILE`.
    pub fn file(&self) -> TemporaryFile {
        TemporaryFile::new("authority.pem", self.certificate.pem())
    }

    pub fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = rustls::pki_types::PrivateKeyDer::try_from(self.key.serialize_der());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring knows them")
            .with_no_client_auth()
            .with_single_cert(vec![self.certificate.der().clone()], key.expect("a key"))
            .expect("the key fits");
        Arc::new(config)
    }
}

/// What happens to a connection that is accepted.
#[derive(Clone)]
pub enum Way {
    /// One exchange with the sandbox at this address, so that each login connects anew.
    To(SocketAddr, Arc<ServerConfig>),
    Reset,
    /// Accepted, and no byte is ever sent.
    Silence,
    /// Something that is no TLS.
    Garbage,
}

/// Listens until it dies.
pub struct Front {
    address: SocketAddr,
    way: Way,
    accepted: Arc<AtomicUsize>,
    listening: Mutex<Option<Listening>>,
}

struct Listening {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Front {
    pub fn at(address: SocketAddr, way: Way) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let accepted = Arc::new(AtomicUsize::new(0));
        let listening = Mutex::new(Some(Listening::start(listener, &way, &accepted)));
        Ok(Self { address, way, accepted, listening })
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Refuses connections from now on; exchanges that are under way are answered.
    pub fn die(&self) {
        if let Some(listening) = self.listening.lock().expect("no thread panics").take() {
            listening.is_over.store(true, Ordering::SeqCst);
            let _ = TcpStream::connect(self.address);
            listening.thread.join().expect("it does not panic");
        }
    }

    /// Listens again, at the same address.
    pub fn revive(&self) {
        let listener = TcpListener::bind(self.address).expect("the port is free again");
        let listening = Listening::start(listener, &self.way, &self.accepted);
        *self.listening.lock().expect("no thread panics") = Some(listening);
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.die();
    }
}

impl Listening {
    fn start(listener: TcpListener, way: &Way, accepted: &Arc<AtomicUsize>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (over, way, accepted) = (Arc::clone(&is_over), way.clone(), Arc::clone(accepted));
        let thread = thread::spawn(move || {
            let mut silent = Vec::new();
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    break;
                }
                accepted.fetch_add(1, Ordering::SeqCst);
                match &way {
                    Way::Silence => silent.push(stream),
                    way => {
                        let way = way.clone();
                        // A client that gives up, or refuses the certificate, is gone by now.
                        thread::spawn(move || drop(treat(stream, way)));
                    }
                }
            }
        });
        Self { is_over, thread }
    }
}

fn treat(mut stream: TcpStream, way: Way) -> io::Result<()> {
    match way {
        Way::To(sandbox, config) => exchange(stream, sandbox, config),
        Way::Reset => socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)),
        Way::Garbage => stream.write_all(b"220 this is no TLS\r\n"),
        Way::Silence => Ok(()),
    }
}

fn exchange(stream: TcpStream, sandbox: SocketAddr, config: Arc<ServerConfig>) -> io::Result<()> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    let request = read_until(&mut tls, |bytes| bytes.ends_with(b"\r\n\r\n"))?;
    let request =
        String::from_utf8_lossy(&request).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    let mut sandbox = TcpStream::connect(sandbox)?;
    sandbox.write_all(request.as_bytes())?;
    // Its connection closes after the answer, and says so.
    let answer = read_until(&mut sandbox, |_| false)?;
    tls.write_all(&answer)?;
    tls.conn.send_close_notify();
    tls.flush()
}

fn read_until(stream: &mut impl io::Read, is_whole: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4_096];
    while !is_whole(&bytes) {
        match stream.read(&mut buffer)? {
            0 => break,
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(bytes)
}

/// An address that answers no packet: its backlog is full.
pub struct Hole {
    _listener: socket2::Socket,
    _waiting: TcpStream,
}

impl Hole {
    pub fn at(address: SocketAddr) -> io::Result<Self> {
        let domain = socket2::Domain::for_address(address);
        let listener = socket2::Socket::new(domain, socket2::Type::STREAM, None)?;
        listener.bind(&address.into())?;
        listener.listen(0)?;
        let waiting = TcpStream::connect(address)?;
        Ok(Self { _listener: listener, _waiting: waiting })
    }
}

/// Addresses of the loopback that no other test uses.
pub fn own_loopback(number: u8) -> IpAddr {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let taken = TAKEN.fetch_add(1, Ordering::SeqCst) as u8;
    let process = std::process::id().to_be_bytes();
    IpAddr::from([127, 2 + process[3] % 250, 1 + taken, number])
}
