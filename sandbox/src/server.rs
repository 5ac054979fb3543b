//! The HTTP server on a thread of its own, from listening to the last connection.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use parking_lot::Mutex;

use crate::connection::OpenConnections;
use crate::control;
use crate::jscode2session;
use crate::old_design;
use crate::options::Options;
use crate::playground;
use crate::world::{HostNumber, World};

/// What nginx, which fronts most such services, grants by default.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// One of WeChat's hosts. All of them are the same WeChat, and each has faults of its own.
pub(crate) struct Server {
    world: Arc<World>,
    number: HostNumber,
    /// Bound to the port that it got first, so that it comes back where it was.
    options: Options,
    address: SocketAddr,
    /// `None` while it is stopped.
    running: Mutex<Option<Running>>,
}

struct Running {
    handle: ServerHandle,
    connections: Arc<OpenConnections>,
    thread: JoinHandle<()>,
}

type Listening = io::Result<(SocketAddr, ServerHandle)>;

impl Server {
    pub(crate) fn start(
        world: Arc<World>,
        number: HostNumber,
        options: &Options,
    ) -> io::Result<Self> {
        let (address, running) = Running::start(&world, number, options)?;
        let options = Options { bind: address.to_string(), ..options.clone() };
        Ok(Self { world, number, options, address, running: Mutex::new(Some(running)) })
    }

    pub(crate) fn number(&self) -> HostNumber {
        self.number
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn stop(&self) {
        if let Some(running) = self.running.lock().take() {
            running.stop();
        }
    }

    pub(crate) fn start_again(&self) -> io::Result<()> {
        let mut running = self.running.lock();
        if running.is_none() {
            let (_, started) = Running::start(&self.world, self.number, &self.options)?;
            *running = Some(started);
        }
        Ok(())
    }

    /// Stops now, and comes back.
    pub(crate) fn die_for(self: &Arc<Self>, time: Duration) {
        let server = Arc::clone(self);
        thread::spawn(move || {
            server.stop();
            thread::sleep(time);
            if let Err(error) = server.start_again() {
                log::error!("a host does not come back: {error}");
            }
        });
    }
}

impl Running {
    fn start(
        world: &Arc<World>,
        number: HostNumber,
        options: &Options,
    ) -> io::Result<(SocketAddr, Self)> {
        let connections = Arc::new(OpenConnections::default());
        let (tell, listening) = mpsc::channel();
        let (world, remembered) = (Arc::clone(world), Arc::clone(&connections));
        let options = options.clone();
        let serve = move || {
            actix_rt::System::new().block_on(serve(world, number, remembered, options, tell));
        };
        let thread = thread::Builder::new().name("sandbox-wechat".to_owned()).spawn(serve)?;
        let (address, handle) = listening
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the sandbox's thread died")))?;
        Ok((address, Self { handle, connections, thread }))
    }

    fn stop(self) {
        // The command is sent by the call itself; only its end would be awaited.
        drop(self.handle.stop(false));
        if self.thread.join().is_err() {
            log::error!("the sandbox's thread panicked");
        }
        self.connections.wait_until_closed();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn serve(
    world: Arc<World>,
    number: HostNumber,
    connections: Arc<OpenConnections>,
    options: Options,
    tell: mpsc::Sender<Listening>,
) {
    let running = match listen(world, number, connections, &options) {
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
    number: HostNumber,
    connections: Arc<OpenConnections>,
    options: &Options,
) -> io::Result<(SocketAddr, actix_web::dev::Server)> {
    let world = web::Data::from(world);
    let newest_keys = web::Data::new(old_design::NewestKeys::default());
    let playground = options.playground.clone();
    let app = move || {
        App::new()
            .app_data(world.clone())
            .app_data(web::Data::new(number))
            .app_data(newest_keys.clone())
            .configure(jscode2session::routes)
            .configure(old_design::routes)
            .configure(|config| playground::routes(&playground, config))
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
