//! The mode `restarts`: whether a restart fails requests of clients that connect for each.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::arguments::RestartsArguments;
use crate::child::ChildServer;
use crate::connection::Connection;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::{Rig, directory};
use crate::table::table;
use crate::traffic::Traffic;

const USERS: u32 = 2_000;
const CLIENTS: usize = 16;
/// After which whoever is connected counts as left hanging: longer than any answer takes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Who was refused comes again.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_millis(20);
/// How long a server serves before the next restart.
const SERVING: Duration = Duration::from_millis(1_500);
const START_PATIENCE: Duration = Duration::from_secs(10);
/// What the balancer needs to notice, with its checks every half second.
const DRAIN_SECONDS: u32 = 2;
/// Hands over file 0 as systemd does, as file 3.
const HANDING_OVER: &[&str] =
    &["/bin/sh", "-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 0</dev/null"];

#[derive(Serialize)]
pub struct RestartsReport {
    rows: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    kind: Kind,
    restarts: u64,
    answered: u64,
    /// Connections that were never established, and said so.
    refused: u64,
    /// Requests on an established connection that got no 200, by how they ended.
    lost: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    HandedOver,
    OwnListener,
    BehindHaproxy,
}

impl Kind {
    const ALL: [Self; 3] = [Self::HandedOver, Self::OwnListener, Self::BehindHaproxy];

    fn name(self) -> &'static str {
        match self {
            Self::HandedOver => "a socket that is handed over",
            Self::OwnListener => "a listener of its own",
            Self::BehindHaproxy => "two behind HAProxy, DRAIN_SECONDS=2",
        }
    }
}

pub fn run(arguments: &RestartsArguments) -> Result<RestartsReport> {
    let mut progress = Progress::new(Kind::ALL.len() as u64);
    progress.note("starting the database, inserting users");
    let rig = Rig::start(&arguments.common, USERS, &[])?;
    let mut rows = Vec::new();
    for kind in Kind::ALL {
        progress.step(kind.name());
        let mut servers = Servers::start(kind, &rig, arguments)?;
        let clients = Clients::start(&rig, servers.address, arguments.requests);
        let mut restarts = 0;
        while !clients.are_done() {
            sleep(SERVING);
            servers.restart_the_next(&rig, arguments)?;
            restarts += 1;
        }
        let (answered, refused, lost) = clients.finish()?;
        rows.push(Row { kind, restarts, answered, refused, lost });
    }
    Ok(RestartsReport { rows })
}

/// What clients connect to, and what is behind it.
struct Servers {
    kind: Kind,
    address: SocketAddr,
    servers: Vec<(ChildServer, SocketAddr)>,
    next: usize,
    listener: Option<TcpListener>,
    haproxy: Option<Child>,
}

impl Servers {
    fn start(kind: Kind, rig: &Rig, arguments: &RestartsArguments) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let mut servers = Self {
            kind,
            address: listener.local_addr()?,
            servers: Vec::new(),
            next: 0,
            listener: Some(listener),
            haproxy: None,
        };
        match kind {
            Kind::HandedOver => {
                let server = servers.serve(rig, arguments, servers.address)?;
                servers.servers.push((server, servers.address));
            }
            Kind::OwnListener => {
                servers.listener = None;
                let server = servers.serve(rig, arguments, servers.address)?;
                servers.servers.push((server, servers.address));
            }
            Kind::BehindHaproxy => {
                servers.listener = None;
                for _ in 0..2 {
                    let address = free_address()?;
                    let server = servers.serve(rig, arguments, address)?;
                    servers.servers.push((server, address));
                }
                servers.haproxy = Some(servers.start_haproxy()?);
            }
        }
        Ok(servers)
    }

    fn serve(
        &self,
        rig: &Rig,
        arguments: &RestartsArguments,
        address: SocketAddr,
    ) -> Result<ChildServer> {
        let runner = if self.listener.is_some() { HANDING_OVER } else { &[] };
        let mut command = rig.serve_command(runner, &arguments.common)?;
        let log = directory()?.join(format!("server-{}.log", address.port()));
        let input = match &self.listener {
            Some(listener) => Stdio::from(OwnedFd::from(listener.try_clone()?)),
            None => Stdio::null(),
        };
        command.env("BIND", address.to_string()).stdin(input).stderr(fs::File::create(&log)?);
        if self.kind == Kind::BehindHaproxy {
            command.env("DRAIN_SECONDS", DRAIN_SECONDS.to_string());
        }
        ChildServer::start_with("a server", &mut command, log)
    }

    fn restart_the_next(&mut self, rig: &Rig, arguments: &RestartsArguments) -> Result<()> {
        let index = self.next % self.servers.len();
        self.next += 1;
        let (server, address) = self.servers.get_mut(index).context("there is one")?;
        let address = *address;
        let (_, status) = server.terminate()?;
        ensure!(status.success(), "after SIGTERM: {status}\n{}", server.end_of_log());
        let server = self.serve(rig, arguments, address)?;
        if let Some(place) = self.servers.get_mut(index) {
            *place = (server, address);
        }
        Ok(())
    }

    fn start_haproxy(&self) -> Result<Child> {
        let file = directory()?.join("haproxy.cfg");
        let servers = self.servers.iter().enumerate();
        let servers: String = servers
            .map(|(number, (_, address))| format!("  server s{number} {address} check\n"))
            .collect();
        fs::write(
            &file,
            format!(
                "defaults\n  mode http\n  timeout connect 2s\n  timeout client 30s\n  \
                 timeout server 30s\n  option redispatch\n\
                 frontend front\n  bind {}\n  default_backend back\n\
                 backend back\n  option httpchk GET /readyz\n  \
                 default-server inter 500ms fall 1 rise 1\n{servers}",
                self.address
            ),
        )?;
        let log = fs::File::create(directory()?.join("haproxy.log"))?;
        let haproxy = Command::new("haproxy")
            .arg("-db")
            .arg("-f")
            .arg(file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot run haproxy")?;
        let deadline = Instant::now() + START_PATIENCE;
        while std::net::TcpStream::connect(self.address).is_err() {
            ensure!(Instant::now() < deadline, "haproxy does not listen");
            sleep(PAUSE_AFTER_REFUSAL);
        }
        Ok(haproxy)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Some(haproxy) = &mut self.haproxy {
            let _ = haproxy.kill();
            let _ = haproxy.wait();
        }
    }
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Loops of requests, each on a connection of its own, on a thread of their own.
struct Clients {
    thread: std::thread::JoinHandle<Result<BTreeMap<String, u64>>>,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    begun: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    are_done: AtomicBool,
}

impl Clients {
    fn start(rig: &Rig, address: SocketAddr, requests: u64) -> Self {
        let counts = Arc::new(Counts::default());
        let counting = Arc::clone(&counts);
        let write_request = Traffic::Login.requests(rig);
        let thread = spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let lost = runtime.block_on(async {
                let mut clients = JoinSet::new();
                for _ in 0..CLIENTS {
                    let (counts, write_request) = (Arc::clone(&counting), write_request.clone());
                    clients.spawn(async move {
                        let mut lost = Vec::new();
                        while counts.begun.fetch_add(1, Ordering::Relaxed) < requests {
                            let mut request = Vec::new();
                            write_request(&mut request);
                            lost.extend(counts.request(address, &request).await);
                        }
                        lost
                    });
                }
                let mut lost = BTreeMap::new();
                while let Some(of_one) = clients.join_next().await {
                    for how in of_one.unwrap_or_else(|_| vec!["panicked".to_owned()]) {
                        *lost.entry(how).or_default() += 1;
                    }
                }
                lost
            });
            counting.are_done.store(true, Ordering::Relaxed);
            Ok(lost)
        });
        Self { thread, counts }
    }

    fn are_done(&self) -> bool {
        self.counts.are_done.load(Ordering::Relaxed) || self.thread.is_finished()
    }

    fn finish(self) -> Result<(u64, u64, BTreeMap<String, u64>)> {
        let lost = self.thread.join().map_err(|_| anyhow!("the clients panicked"))??;
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Ok((of(&self.counts.answered), of(&self.counts.refused), lost))
    }
}

impl Counts {
    /// Tries until it is not refused; then how it was lost, if it was.
    async fn request(&self, address: SocketAddr, request: &[u8]) -> Option<String> {
        let mut connection = loop {
            match timeout(PATIENCE, Connection::open(address)).await {
                Ok(Ok(connection)) => break connection,
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    self.refused.fetch_add(1, Ordering::Relaxed);
                    tokio::time::sleep(PAUSE_AFTER_REFUSAL).await;
                }
                Ok(Err(error)) => return Some(format!("connecting: {error}")),
                Err(_) => return Some("connecting: it hung".to_owned()),
            }
        };
        match timeout(PATIENCE, connection.exchange(request)).await {
            Ok(Ok(answer)) if answer.status == 200 => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                None
            }
            Ok(Ok(answer)) => Some(format!("status {}", answer.status)),
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("it hung".to_owned()),
        }
    }
}

impl Report for RestartsReport {
    fn print(&self) {
        let header = ["restarts with", "restarts", "answered", "refused", "lost"];
        let rows = self.rows.iter().map(|row| {
            let lost: u64 = row.lost.values().sum();
            let numbers = [row.restarts, row.answered, row.refused, lost].map(|it| it.to_string());
            [vec![row.kind.name().to_owned()], numbers.to_vec()].concat()
        });
        println!("{}", table(&header, 1, rows));
        println!(
            "Logins of {CLIENTS} clients, each on a connection of its own; who was refused came again."
        );
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for Row { kind, refused, lost, .. } in &self.rows {
            for (how, count) in lost {
                complaints.push(format!("{}: {count} requests lost: {how}", kind.name()));
            }
            if *refused > 0 && *kind != Kind::OwnListener {
                complaints.push(format!("{}: {refused} refused", kind.name()));
            }
        }
        complaints
    }
}
