//! `GET /metrics`, on an address of its own that the public never sees.

use std::error::Error;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::dev::ServerHandle;
use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};

use super::registry::Metrics;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves in the background until the handle stops it.
pub fn serve(metrics: Arc<Metrics>, listener: TcpListener) -> io::Result<ServerHandle> {
    let address = listener.local_addr()?;
    let metrics = Data::from(metrics);
    let app = move || App::new().app_data(metrics.clone()).route("/metrics", web::get().to(read));
    let server = HttpServer::new(app).workers(1).disable_signals().listen(listener)?.run();
    let handle = server.handle();
    actix_rt::spawn(async move {
        if let Err(error) = server.await {
            log::error!("metrics are no longer served: {error}");
        }
    });
    log::info!("metrics at http://{address}/metrics");
    Ok(handle)
}

/// Answers by itself: an error of its own is nothing that a page would understand.
async fn read(metrics: Data<Metrics>) -> Result<HttpResponse, Box<dyn Error>> {
    Ok(HttpResponse::Ok().content_type(OPEN_METRICS).body(metrics.text()?))
}
