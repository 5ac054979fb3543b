//! `wxauth serve`: waits for the database, checks its schema, serves.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_rt::net::TcpSocket;
use actix_rt::signal::unix::{SignalKind, signal};
use actix_rt::time::{Instant, sleep};
use clap::Args;
use listenfd::ListenFd;
use socket2::Socket;

use super::outcome::{Outcome, Result};
use crate::config::{self, Bind, Config, DatabaseConfig};
use crate::error;
use crate::http::{self, Ground, Listener};
use crate::metrics::{Metrics, Words};
use crate::phone;
use crate::sealing::Sealing;
use crate::store::{self, SchemaState, Store, StoreError};
use crate::wechat::{self, Upstream};

/// How long a database that does not answer at start is waited for.
const DATABASE_WAIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_secs(1);
/// Connections that wait to be accepted; one beyond that tries again a second later. The system
/// may allow fewer (net.core.somaxconn).
const BACKLOG: u32 = 4_096;

/// What metrics tell apart, from the rooms that know it.
const WORDS: Words = Words {
    paths: &http::PATHS,
    errors: &error::NAMES,
    attempts: &wechat::ATTEMPTS,
    damages: &phone::DAMAGES,
};

#[derive(Args)]
pub struct Arguments {
    /// Applies pending migrations first
    #[arg(long)]
    migrate: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let config = Config::load()?;
    actix_rt::System::new().block_on(async {
        let wechat = Arc::new(Upstream::new(&config.wechat));
        let hosts: Vec<_> = config.wechat.hosts.iter().map(ToString::to_string).collect();
        let metrics = Arc::new(Metrics::new(&WORDS, &hosts));
        let sealing = Sealing::new(&config.key_secrets, metrics.keys.unreadable.clone());
        reload_on_hangup(Arc::clone(&wechat), sealing.clone())?;
        let store = Store::new(&config.database, &metrics.store)?;
        let state = wait_for_database(&store).await?;
        expect_schema(state, &config.database, arguments.migrate)?;
        let listener = own_or_handed_over(&config.bind)?;
        let metrics_listener =
            config.metrics_bind.map(|address| listen("METRICS_BIND", address)).transpose()?;
        let ground = Ground { config, store, sealing, wechat, metrics };
        http::serve(ground, listener, metrics_listener).await?;
        Ok(Outcome::Done)
    })
}

fn expect_schema(state: SchemaState, database: &DatabaseConfig, may_migrate: bool) -> Result<()> {
    match state {
        _ if may_migrate => migrate(database),
        SchemaState::Current => Ok(()),
        SchemaState::Pending(count) => Err(format!(
            "the database lacks {count} migrations of this binary: \
             run `wxauth migrate`, or serve with --migrate"
        )
        .into()),
    }
}

fn own_or_handed_over(bind: &Bind) -> Result<Listener> {
    let mut handed_over = ListenFd::from_env();
    if handed_over.len() > 1 {
        // Who came to the others would wait for ever.
        let count = handed_over.len();
        return Err(format!(
            "LISTEN_FDS hands over {count} sockets, and one can be served: in the socket unit, an empty \
             ListenStream= goes before the address that is wanted"
        )
        .into());
    }
    let tcp = handed_over.take_tcp_listener(0).map(|listener| listener.map(Socket::from));
    let unix = |_| handed_over.take_unix_listener(0).map(|listener| listener.map(Socket::from));
    match (tcp.or_else(unix), bind) {
        (Ok(Some(listener)), _) => Ok(Listener::HandedOver(listener)),
        (Ok(None), Bind::Tcp(address)) => listen("BIND", *address).map(Listener::Own),
        (Ok(None), Bind::Unix(_)) => {
            Err(format!("BIND={bind} is for a socket that systemd hands over, and there is none")
                .into())
        }
        (Err(error), _) => {
            Err(format!("LISTEN_FDS hands over neither a TCP nor a unix socket: {error}").into())
        }
    }
}

/// SIGHUP, an admin's "reload", reads again what may change under a running server. It is heard
/// from the start on, as it would end a process that does not listen.
fn reload_on_hangup(wechat: Arc<Upstream>, sealing: Sealing) -> io::Result<()> {
    let mut hangups = signal(SignalKind::hangup())?;
    actix_rt::spawn(async move {
        while hangups.recv().await.is_some() {
            log::info!("SIGHUP: reading secrets again");
            wechat.reload();
            match config::key_secrets() {
                Ok(secrets) => sealing.replace(&secrets),
                Err(error) => log::error!("{error}; the secrets of before stay in use"),
            }
        }
    });
    Ok(())
}

fn listen(name: &str, address: SocketAddr) -> Result<TcpListener> {
    let refused = |error| format!("cannot listen on {name}={address}: {error}").into();
    open_listener(address).map_err(refused)
}

/// As the standard library does, but for the backlog, which is 128 there.
fn open_listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart need not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)?.into_std()
}

async fn wait_for_database(store: &Store) -> Result<SchemaState> {
    let deadline = Instant::now() + DATABASE_WAIT;
    loop {
        let error = match store.schema_state().await {
            Ok(state) => return Ok(state),
            Err(error @ StoreError::Unavailable(_)) => error,
            Err(error) => return Err(error.to_string().into()),
        };
        if Instant::now() + PAUSE >= deadline {
            let seconds = DATABASE_WAIT.as_secs();
            return Err(format!("the database did not answer for {seconds} s: {error}").into());
        }
        log::warn!("waiting for the database: {error}");
        sleep(PAUSE).await;
    }
}

/// Blocks, as nothing else runs yet.
fn migrate(config: &DatabaseConfig) -> Result<()> {
    for name in store::migrate(config)? {
        log::info!("applied {name}");
    }
    Ok(())
}
