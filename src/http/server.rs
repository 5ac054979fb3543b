//! Assembles the server from its configuration and a listener, and runs it until SIGTERM.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use actix_rt::time::{sleep, timeout};
use actix_web::web::Data;

use super::accepting::Acceptor;
use super::app::Shared;
use super::edge::Edge;
use super::endpoints::Readiness;
use super::proxies::TrustedProxies;
use super::request::BodyRoom;
use super::stopping::{Signals, Stage, Stopping, end_in_time};
use super::systemd;
use super::workers::Workers;
use crate::arrivals::Arrivals;
use crate::config::Config;
use crate::key_ages::KeyAges;
use crate::limits::FailedPhones;
use crate::login::{Logins, Parts};
use crate::metrics::{self, Metrics};
use crate::phone::{DamageReport, Phones};
use crate::purge::Purge;
use crate::sealing::Sealing;
use crate::store::Store;
use crate::wechat::Upstream;

/// Between the last connection that is accepted and the end of idle ones: who sends one request
/// after the other hears `Connection: close` in this time.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// What is left then to requests under way, to their last answers, to logins whose caller is gone,
/// and to counts that are not stored yet: together less than orchestrators have patience.
const UNDER_WAY: Duration = Duration::from_secs(18);
const LAST_ANSWERS: Duration = Duration::from_secs(1);
const LAST_LOGINS: Duration = Duration::from_secs(4);
const LAST_COUNTS: Duration = Duration::from_secs(3);

/// Where connections come from.
pub enum Listener {
    Own(TcpListener),
    /// Of systemd, who keeps it, so that a restart refuses nobody.
    HandedOver(TcpListener),
}

/// Serves until SIGTERM or SIGINT; requests under way are finished first. Prometheus is answered
/// on a listener of its own, if there is one.
pub async fn serve(
    config: Config,
    store: Store,
    sealing: Sealing,
    wechat: Arc<Upstream>,
    metrics: Arc<Metrics>,
    listener: Listener,
    metrics_listener: Option<TcpListener>,
) -> io::Result<()> {
    // One thread for what outlives requests: exchanges with WeChat, and what runs now and then.
    let background = Arbiter::new().handle();
    let arrivals = Arc::new(Arrivals::new(store.clone(), metrics.waiting_requests.clone()));
    let failed_phones = Arc::new(FailedPhones::new(config.failed_phones_per_minute));
    let key_ages = Arc::new(KeyAges::new());
    let parts = Parts {
        store: store.clone(),
        sealing: sealing.clone(),
        wechat,
        arrivals: Arc::clone(&arrivals),
        failed_phones: Arc::clone(&failed_phones),
        metrics: Arc::clone(&metrics),
    };
    let logins = Logins::new(&config, parts, &background);
    let phones = Phones {
        store: store.clone(),
        sealing,
        arrivals: Arc::clone(&arrivals),
        key_ages: Arc::clone(&key_ages),
        failed_phones,
        metrics: Arc::clone(&metrics),
        appid: config.wechat.appid.clone(),
        max_age: config.phone_data_max_age,
        grace: config.login_grace,
    };
    background.spawn(async move { arrivals.poll().await });
    let (flushing, flushed_store) = (Arc::clone(&key_ages), store.clone());
    background.spawn(async move { flushing.flush_now_and_then(&flushed_store).await });
    let damage_report = Arc::new(DamageReport::new(Arc::clone(&metrics)));
    let reporting = Arc::clone(&damage_report);
    background.spawn(async move { reporting.now_and_then().await });
    let (purged_store, purge_metrics, every) =
        (store.clone(), Arc::clone(&metrics), config.purge_interval);
    background.spawn(async move {
        Purge::new(&purged_store, every, &purge_metrics.purges).now_and_then().await;
    });

    if config.trusted_proxies.is_empty() {
        log::info!("TRUSTED_PROXIES is not set: no limit counts by address");
    }
    let stopping = Stopping::new();
    let readiness = Data::new(Readiness::new(store.clone()));
    let edge = Edge {
        readiness: readiness.clone(),
        stopping: stopping.clone(),
        metrics: Arc::clone(&metrics),
        proxies: Arc::new(TrustedProxies::new(config.trusted_proxies)),
    };
    let shared = Shared {
        logins: Data::new(logins.clone()),
        phones: Data::new(phones),
        readiness,
        response_shape: Data::new(config.response_shape),
        body_room: Data::new(BodyRoom::new()),
        stopping: Data::new(stopping.clone()),
        edge,
    };
    let metrics_server =
        metrics_listener.map(|listener| metrics::serve(metrics, listener)).transpose()?;
    let workers = Workers::start(config.workers, &shared);
    run(listener, &workers, &stopping, config.drain).await?;

    logins.finish(LAST_LOGINS).await;
    damage_report.tell();
    if timeout(LAST_COUNTS, key_ages.flush(&store)).await.is_err() {
        log::warn!("the last counts of key ages are lost: the database does not take them");
    }
    if let Some(metrics_server) = metrics_server {
        metrics_server.stop(false).await;
    }
    log::info!("stopped");
    Ok(())
}

/// Accepts until a signal and the drain after it, then ends what is open.
async fn run(
    listener: Listener,
    workers: &Workers,
    stopping: &Stopping,
    drain: Duration,
) -> io::Result<()> {
    let (listener, is_own) = match listener {
        Listener::Own(listener) => (listener, true),
        Listener::HandedOver(listener) => (listener, false),
    };
    let address = listener.local_addr()?;
    let acceptor = Acceptor::new(listener)?;
    let signals = Signals::take()?;
    log::info!("listening on http://{address}");
    systemd::tell_ready();
    let signal_and_drain = async {
        signals.first().await;
        stopping.enter(Stage::Leaving);
        sleep(drain).await;
    };
    tokio::select! {
        () = acceptor.accept(workers) => {}
        () = signal_and_drain => {}
    }
    end_in_time();
    let open = if is_own { acceptor.close(workers).await? } else { acceptor.leave() };
    log::info!("no more connections are accepted");
    open.end(LAST_REQUESTS).await;
    stopping.enter(Stage::IdleEnds);
    open.end(UNDER_WAY).await;
    stopping.enter(Stage::LastAnswers);
    open.end(LAST_ANSWERS).await;
    Ok(())
}
