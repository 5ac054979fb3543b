//! The threads that serve connections: one loop each, which shares nothing with the others' but what
//! [`Shared`] holds.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::HttpService;
use actix_rt::Arbiter;
use actix_rt::net::{TcpStream, UnixStream};
use actix_rt::time::Instant;
use actix_service::{IntoServiceFactory as _, Service, ServiceFactory as _, map_config};
use actix_web::dev::AppConfig;
use socket2::Socket;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc};
use tokio_util::either::Either;

use super::app::{Shared, app};
use super::connection::Connection;
use super::progress::{HEAD_TIME, KEEP_ALIVE, Progress};
use super::stopping::Stage;

/// How long a connection that we close may take to end.
const DISCONNECT_TIME: Duration = Duration::from_secs(1);
/// A connection that gives way to others has had this long: a packet's way there and back.
const LEAST_TIME: Duration = Duration::from_millis(500);

/// All workers. Whoever accepts a connection hands it to the next.
pub struct Workers {
    channels: Vec<mpsc::UnboundedSender<Task>>,
    next: Cell<usize>,
}

enum Task {
    Serve(Accepted),
    MakeRoom,
}

/// A connection, counted among the open ones as long as it lives.
pub struct Accepted {
    pub stream: Socket,
    /// `None` where it came by a unix socket.
    pub peer: Option<SocketAddr>,
    pub slot: OwnedSemaphorePermit,
}

impl Workers {
    pub fn start(count: usize, shared: &Shared) -> Self {
        let channels = (0..count).map(|_| {
            // As many as there are connections, at most.
            let (tasks, arriving) = mpsc::unbounded_channel();
            let shared = shared.clone();
            Arbiter::new().spawn_fn(move || {
                actix_rt::spawn(work(shared, arriving));
            });
            tasks
        });
        Self { channels: channels.collect(), next: Cell::default() }
    }

    pub fn serve(&self, accepted: Accepted) {
        self.send(Task::Serve(accepted));
    }

    /// Closes the connection that has waited longest for its caller.
    pub fn make_room(&self) {
        self.send(Task::MakeRoom);
    }

    fn send(&self, task: Task) {
        let next = self.next.get();
        self.next.set((next + 1) % self.channels.len().max(1));
        if let Some(worker) = self.channels.get(next) {
            // A worker ends with the process only.
            let _ = worker.send(task);
        }
    }
}

/// The open connections of one worker.
#[derive(Default)]
struct Connections {
    open: RefCell<HashMap<u64, Open>>,
    next: Cell<u64>,
}

struct Open {
    progress: Rc<Progress>,
    gives_way: Rc<Notify>,
}

impl Connections {
    fn make_room(&self) {
        let open = self.open.borrow();
        let longest = |even_if_idle: bool| {
            let waiting = open.values().filter_map(|open| {
                let since = open.progress.waits_since(even_if_idle)?;
                (since + LEAST_TIME < Instant::now()).then_some((since, open))
            });
            waiting.min_by_key(|(since, _)| *since)
        };
        // One that is idle may be a proxy's, about to be used.
        if let Some((_, open)) = longest(false).or_else(|| longest(true)) {
            open.gives_way.notify_one();
        }
    }
}

async fn work(shared: Shared, mut arriving: mpsc::UnboundedReceiver<Task>) {
    let stopping = shared.edge.stopping.clone();
    let shared_metrics = Arc::clone(&shared.edge.metrics);
    let app = app(shared).into_factory();
    let service = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(HEAD_TIME)
        .client_disconnect_timeout(DISCONNECT_TIME)
        .on_connect_ext(|connection: &Connection, data| {
            data.insert(Rc::clone(connection.progress()));
        })
        .h1(map_config(app, |()| AppConfig::default()))
        .new_service(());
    let Ok(service) = service.await else {
        log::error!("a worker cannot start");
        return;
    };
    let (service, connections) = (Rc::new(service), Rc::new(Connections::default()));
    while let Some(task) = arriving.recv().await {
        let accepted = match task {
            Task::Serve(accepted) => accepted,
            Task::MakeRoom => {
                connections.make_room();
                continue;
            }
        };
        let Ok(stream) = registered(accepted.stream, accepted.peer) else {
            continue;
        };
        let connection = Connection::new(stream, stopping.clone());
        let gives_way = Rc::new(Notify::new());
        let number = connections.next.replace(connections.next.get() + 1);
        let open =
            Open { progress: Rc::clone(connection.progress()), gives_way: Rc::clone(&gives_way) };
        connections.open.borrow_mut().insert(number, open);
        let open_connections = shared_metrics.open_connections.clone();
        open_connections.inc();
        let serving = service.call((connection, accepted.peer));
        let (connections, stopping, slot) =
            (Rc::clone(&connections), stopping.clone(), accepted.slot);
        actix_rt::spawn(async move {
            tokio::select! {
                () = async {
                    tokio::pin!(serving);
                    // Being polled is what lets an idle connection see that it is to end.
                    tokio::select! {
                        _ = &mut serving => return,
                        () = stopping.reached(Stage::IdleEnds) => {}
                    }
                    let _ = serving.await;
                } => {}
                () = gives_way.notified() => {}
            }
            connections.open.borrow_mut().remove(&number);
            open_connections.dec();
            drop(slot);
        });
    }
}

/// The stream, as one of this thread's loop.
fn registered(
    stream: Socket,
    peer: Option<SocketAddr>,
) -> io::Result<Either<TcpStream, UnixStream>> {
    match peer {
        Some(_) => TcpStream::from_std(stream.into()).map(Either::Left),
        None => UnixStream::from_std(stream.into()).map(Either::Right),
    }
}
