//! Assembles the application from its configuration and a listener, and runs it until SIGTERM.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::middleware::from_fn;
use actix_web::web::{Data, PayloadConfig};
use actix_web::{App, HttpServer};

use crate::config::Config;
use crate::edge::edge;
use crate::login::Logins;
use crate::phone::Phones;
use crate::purge;
use crate::request::MAX_BODY_BYTES;
use crate::routes;
use crate::stopping::{Closing, stop_on_signal};
use crate::store::Store;
use crate::wechat::WeChat;

/// What SIGTERM leaves to requests that are under way; every wait of ours is shorter.
const SHUTDOWN_SECONDS: u64 = 25;
/// Longer than common load balancers' own, so that it is they who close.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Serves until SIGTERM or SIGINT; requests under way are finished first.
pub async fn serve(config: Config, store: Store, listener: TcpListener) -> io::Result<()> {
    let wechat = WeChat::start(config.wechat.clone());
    let logins = Data::new(Logins::new(wechat, store.clone(), config.session_ttl));
    let phones = Data::new(Phones::new(
        store.clone(),
        config.wechat.appid.clone(),
        config.phone_data_max_age,
    ));
    let purging = config.purge_interval.map(|every| purge::start(store.clone(), every));
    let store = Data::new(store);
    let closing = Closing::default();
    let closing_data = Data::new(closing.clone());

    let address = listener.local_addr()?;
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::clone(&logins))
            .app_data(Data::clone(&phones))
            .app_data(Data::clone(&store))
            .app_data(Data::clone(&closing_data))
            .app_data(PayloadConfig::new(MAX_BODY_BYTES))
            .wrap(from_fn(edge))
            .configure(routes::configure)
    })
    .workers(config.workers)
    .keep_alive(KEEP_ALIVE)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)?
    .run();
    stop_on_signal(server.handle(), closing)?;
    log::info!("listening on http://{address}");
    server.await?;

    if let Some(purging) = purging {
        purging.abort();
    }
    log::info!("stopped");
    Ok(())
}
