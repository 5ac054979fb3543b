//! The HTTP server on a thread of its own, from listening to the last connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};

use crate::connection::OpenConnections;
use crate::control;
use crate::jscode2session;
use crate::options::Options;
use crate::world::World;

/// What nginx, which fronts most such services, grants by default.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

pub(crate) struct Server {
    address: SocketAddr,
    handle: ServerHandle,
    connections: Arc<OpenConnections>,
    /// `None` once it has been stopped.
    thread: Mutex<Option<JoinHandle<()>>>,
}

type Listening = io::Result<(SocketAddr, ServerHandle)>;

impl Server {
    pub(crate) fn start(world: Arc<World>, options: &Options) -> io::Result<Self> {
        let connections = Arc::new(OpenConnections::default());
        let (tell, listening) = mpsc::channel();
        let remembered = Arc::clone(&connections);
        let options = options.clone();
        let serve = move || {
            actix_rt::System::new().block_on(serve(world, remembered, options, tell));
        };
        let thread = thread::Builder::new().name("sandbox-wechat".to_owned()).spawn(serve)?;
        let (address, handle) = listening
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the sandbox's thread died")))?;
        Ok(Self { address, handle, connections, thread: Mutex::new(Some(thread)) })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // The command is sent by the call itself; only its end would be awaited.
            drop(self.handle.stop(false));
            if thread.join().is_err() {
                log::error!("the sandbox's thread panicked");
            }
            self.connections.wait_until_closed();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    world: Arc<World>,
    connections: Arc<OpenConnections>,
    options: Options,
    tell: mpsc::Sender<Listening>,
) {
    let running = match listen(world, connections, &options) {
        Ok((address, running)) => {
            // The one who started the thread waits for this message.
            let _ = tell.send(Ok((address, running.handle())));
            running
        }
        Err(error) => {
            let _ = tell.send(Err(error));
            return;
        }
    };
    if let Err(error) = running.await {
        log::error!("the sandbox's server failed: {error}");
    }
}

fn listen(
    world: Arc<World>,
    connections: Arc<OpenConnections>,
    options: &Options,
) -> io::Result<(SocketAddr, actix_web::dev::Server)> {
    let world = web::Data::from(world);
    let app = move || {
        App::new()
            .app_data(world.clone())
            .configure(jscode2session::routes)
            .configure(control::routes)
    };
    let server = HttpServer::new(app)
        .on_connect(move |stream, extensions| connections.remember(stream, extensions))
        .workers(options.workers.max(1))
        // A caller's pool may open connections early and keep them long.
        .client_request_timeout(Duration::ZERO)
        .keep_alive(KEEP_ALIVE)
        .disable_signals()
        .bind(&options.bind)?;
    let address = server.addrs().first().copied();
    let address = address.ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((address, server.run()))
}
