//! Stopping without failing a request: what happens between SIGTERM and the end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_rt::signal::unix::{SignalKind, signal};
use actix_rt::time::sleep;
use actix_web::dev::ServerHandle;

use super::systemd;

/// What SIGTERM leaves to requests that are under way, and then to logins whose caller is gone:
/// together below the 30 s after which orchestrators lose their patience.
pub const SHUTDOWN_SECONDS: u64 = 20;
pub const LAST_LOGINS: Duration = Duration::from_secs(4);
/// Between the last connection that is accepted and the end of idle ones. actix closes a connection
/// that waits for a request at once, even if the request is on its way, so each gets this long to
/// deliver it; and who sends one request after the other hears `Connection: close` in this time.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// Set once the server is about to stop, so that every answer closes its connection.
#[derive(Clone, Default)]
pub struct Closing(Arc<AtomicBool>);

impl Closing {
    pub fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Waits for SIGTERM or SIGINT in the background, then stops the server: no new connections, the
/// requests that are under way finished, the rest closed.
pub fn stop_on_signal(server: ServerHandle, closing: Closing) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    actix_rt::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        log::info!("{name}: finishing what is under way");
        systemd::tell_stopping();
        closing.0.store(true, Ordering::Relaxed);
        server.pause().await;
        sleep(LAST_REQUESTS).await;
        server.stop(true).await;
    });
    Ok(())
}
