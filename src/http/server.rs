//! Assembles the application from its configuration and a listener, and runs it until SIGTERM.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::Arbiter;
use actix_web::middleware::from_fn;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};

use super::edge::edge;
use super::endpoints;
use super::request::MAX_BODY_BYTES;
use super::stopping::{Closing, LAST_LOGINS, SHUTDOWN_SECONDS, stop_on_signal};
use super::systemd;
use crate::arrivals::Arrivals;
use crate::config::Config;
use crate::key_ages::KeyAges;
use crate::login::Logins;
use crate::metrics::{self, Metrics};
use crate::phone::{DamageReport, Phones};
use crate::purge;
use crate::store::Store;

/// Longer than common load balancers' own, so that it is they who close.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Serves until SIGTERM or SIGINT; requests under way are finished first. Prometheus is answered
/// on a listener of its own, if there is one.
pub async fn serve(
    config: Config,
    store: Store,
    metrics: Arc<Metrics>,
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
) -> io::Result<()> {
    // One thread for what outlives requests: exchanges with WeChat, and what runs now and then.
    let background = Arbiter::new().handle();
    let arrivals = Arc::new(Arrivals::new(store.clone(), metrics.waiting_requests.clone()));
    let key_ages = Arc::new(KeyAges::new());
    let logins = Logins::new(
        &config,
        store.clone(),
        Arc::clone(&arrivals),
        Arc::clone(&metrics),
        &background,
    );
    let phones = Phones {
        store: store.clone(),
        arrivals: Arc::clone(&arrivals),
        key_ages: Arc::clone(&key_ages),
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
    if let Some(every) = config.purge_interval {
        let (store, metrics) = (store.clone(), Arc::clone(&metrics));
        background.spawn(async move { purge::now_and_then(&store, every, &metrics.purges).await });
    }

    let closing = Closing::default();
    let data = (
        Data::new(logins.clone()),
        Data::new(phones),
        Data::new(store.clone()),
        Data::new(config.response_shape),
        Data::new(closing.clone()),
        Data::from(Arc::clone(&metrics)),
    );
    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        let (logins, phones, store, shape, closing, metrics) = data.clone();
        App::new()
            .app_data(logins)
            .app_data(phones)
            .app_data(store)
            .app_data(shape)
            .app_data(closing)
            .app_data(metrics)
            .app_data(PayloadConfig::new(MAX_BODY_BYTES))
            .wrap(from_fn(edge))
            .configure(endpoints::configure)
    })
    .workers(config.workers)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)?
    .run();
    let metrics_server =
        metrics_listener.map(|listener| metrics::serve(metrics, listener)).transpose()?;
    stop_on_signal(server.handle(), closing)?;
    log::info!("listening on http://{address}");
    systemd::tell_ready();
    server.await?;

    logins.finish(LAST_LOGINS).await;
    damage_report.tell();
    key_ages.flush(&store).await;
    if let Some(metrics_server) = metrics_server {
        metrics_server.stop(false).await;
    }
    log::info!("stopped");
    Ok(())
}
