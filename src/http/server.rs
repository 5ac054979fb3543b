//! Assembles the server from its configuration and a listener, and runs it until SIGTERM.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_rt::time::{sleep, timeout};
use actix_rt::{Arbiter, ArbiterHandle};
use actix_web::web::Data;
use socket2::{SockAddr, Socket};

use super::accepting::Acceptor;
use super::app::Shared;
use super::edge::Edge;
use super::endpoints::Readiness;
use super::proxies::TrustedProxies;
use super::request::BodyRoom;
use super::slots::Slots;
use super::stopping::{
    LAST_ANSWERS, LAST_COUNTS, LAST_LOGINS, LAST_REQUESTS, Signals, Stage, Stopping, UNDER_WAY,
    end_in_time,
};
use super::systemd;
use super::workers::Workers;
use crate::arrivals::Arrivals;
use crate::config::Config;
use crate::key_ages::KeyAges;
use crate::limits::FailedPhones;
use crate::login::{Logins, Parts};
use crate::metrics::{self, Metrics};
use crate::phone::Phones;
use crate::purge::Purge;
use crate::sealing::Sealing;
use crate::store::Store;
use crate::wechat::Upstream;

/// Where connections come from.
pub enum Listener {
    Own(TcpListener),
    /// Of systemd, who keeps it, so that a restart refuses nobody: TCP, or a unix socket.
    HandedOver(Socket),
}

/// What the server stands on.
pub struct Ground {
    pub config: Config,
    pub store: Store,
    pub sealing: Sealing,
    pub wechat: Arc<Upstream>,
    pub metrics: Arc<Metrics>,
}

/// Serves until SIGTERM or SIGINT; requests under way are finished first. Prometheus is answered
/// on a listener of its own, if there is one.
pub async fn serve(
    ground: Ground,
    listener: Listener,
    metrics_listener: Option<TcpListener>,
) -> io::Result<()> {
    // One thread for what outlives requests: exchanges with WeChat, and what runs now and then.
    let background = Arbiter::new().handle();
    let verbs = Verbs::new(&ground, &background);
    run_beside(&ground, &verbs, &background);
    let stopping = Stopping::new();
    let (logins, key_ages) = (verbs.logins.clone(), Arc::clone(&verbs.key_ages));
    let slots = Slots::new();
    let shared = shared(&ground, verbs, &stopping, &slots);
    let metrics = Arc::clone(&ground.metrics);
    let metrics_server =
        metrics_listener.map(|listener| metrics::serve(metrics, listener)).transpose()?;
    let workers = Workers::start(ground.config.workers, &shared);
    run(listener, slots, &workers, &stopping, &ground.config).await?;

    logins.finish(LAST_LOGINS).await;
    if timeout(LAST_COUNTS, key_ages.flush(&ground.store)).await.is_err() {
        log::warn!("the last counts of key ages are lost: the database does not take them");
    }
    if let Some(metrics_server) = metrics_server {
        metrics_server.stop(false).await;
    }
    log::info!("stopped");
    Ok(())
}

/// The two verbs, and what they share.
struct Verbs {
    logins: Logins,
    phones: Phones,
    arrivals: Arc<Arrivals>,
    key_ages: Arc<KeyAges>,
}

impl Verbs {
    fn new(ground: &Ground, background: &ArbiterHandle) -> Self {
        let Ground { config, store, sealing, wechat, metrics } = ground;
        let arrivals = Arc::new(Arrivals::new(store.clone(), metrics.waiting_requests.clone()));
        let failed_phones = Arc::new(FailedPhones::new(config.failed_phones_per_minute));
        let key_ages = Arc::new(KeyAges::new());
        let parts = Parts {
            store: store.clone(),
            sealing: sealing.clone(),
            wechat: Arc::clone(wechat),
            arrivals: Arc::clone(&arrivals),
            failed_phones: Arc::clone(&failed_phones),
            metrics: Arc::clone(metrics),
        };
        let phones = Phones {
            store: store.clone(),
            sealing: sealing.clone(),
            arrivals: Arc::clone(&arrivals),
            key_ages: Arc::clone(&key_ages),
            failed_phones,
            metrics: Arc::clone(metrics),
            appid: config.wechat.appid.clone(),
            max_age: config.phone_data_max_age,
            grace: config.login_grace,
        };
        Self { logins: Logins::new(config, parts, background), phones, arrivals, key_ages }
    }
}

/// Starts everything that runs beside requests.
fn run_beside(ground: &Ground, verbs: &Verbs, background: &ArbiterHandle) {
    let arrivals = Arc::clone(&verbs.arrivals);
    background.spawn(async move { arrivals.poll().await });
    let (key_ages, store) = (Arc::clone(&verbs.key_ages), ground.store.clone());
    background.spawn(async move { key_ages.flush_now_and_then(&store).await });
    let (store, metrics) = (ground.store.clone(), Arc::clone(&ground.metrics));
    let every = ground.config.purge_interval;
    background.spawn(async move {
        Purge::new(&store, every, &metrics.purges).now_and_then().await;
    });
}

/// What the handlers of every worker share.
fn shared(ground: &Ground, verbs: Verbs, stopping: &Stopping, slots: &Slots) -> Shared {
    let readiness = Data::new(Readiness::new(ground.store.clone()));
    let edge = Edge {
        readiness: readiness.clone(),
        stopping: stopping.clone(),
        slots: slots.clone(),
        metrics: Arc::clone(&ground.metrics),
        proxies: Arc::new(TrustedProxies::new(ground.config.trusted_proxies.clone())),
    };
    Shared {
        logins: Data::new(verbs.logins),
        phones: Data::new(verbs.phones),
        readiness,
        response_shape: Data::new(ground.config.response_shape),
        body_room: Data::new(BodyRoom::new()),
        stopping: Data::new(stopping.clone()),
        edge,
    }
}

/// Accepts until a signal and the drain after it, then ends what is open.
async fn run(
    listener: Listener,
    slots: Slots,
    workers: &Workers,
    stopping: &Stopping,
    config: &Config,
) -> io::Result<()> {
    let (listener, is_own) = match listener {
        Listener::Own(listener) => (listener.into(), true),
        Listener::HandedOver(listener) => (listener, false),
    };
    let address = listener.local_addr()?;
    if config.trusted_proxies.is_empty() && !address.is_unix() {
        log::info!("TRUSTED_PROXIES is not set: no limit counts by address");
    }
    let acceptor = Acceptor::new(listener, slots.clone())?;
    let signals = Signals::take()?;
    log::info!("listening on {}", name(&address));
    systemd::tell_ready();
    let signal_and_drain = async {
        signals.first().await;
        stopping.enter(Stage::Leaving);
        sleep(config.drain).await;
    };
    tokio::select! {
        () = acceptor.accept(workers) => {}
        () = signal_and_drain => {}
    }
    end_in_time();
    if is_own {
        acceptor.close(workers).await?;
    } else {
        // What is queued is for whoever else holds the listener.
        drop(acceptor);
    }
    log::info!("no more connections are accepted");
    slots.all_free(LAST_REQUESTS).await;
    stopping.enter(Stage::IdleEnds);
    slots.all_free(UNDER_WAY).await;
    stopping.enter(Stage::LastAnswers);
    slots.all_free(LAST_ANSWERS).await;
    Ok(())
}

/// As in `BIND`, but that TCP's is a URL.
fn name(address: &SockAddr) -> String {
    match address.as_socket() {
        Some(address) => format!("http://{address}"),
        None => {
            let path = address.as_pathname().map(|path| path.display().to_string());
            format!("unix:{}", path.unwrap_or_default())
        }
    }
}
