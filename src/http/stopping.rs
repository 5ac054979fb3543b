//! Stopping without failing a request: what happens between SIGTERM and the end.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use actix_rt::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::systemd;

/// What SIGTERM leaves, once the listener is closed: below the 30 s after which orchestrators lose
/// their patience.
const LAST_MOMENT: Duration = Duration::from_secs(29);

/// How far the server is on its way to the end; each stage keeps what the one before it brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Serving,
    /// Every answer closes its connection; new ones are still accepted.
    Leaving,
    /// Connections that wait for a further request are closed.
    IdleEnds,
    /// Requests that are still under way are told to come again.
    LastAnswers,
}

/// The stage, for all who act on it. Clones share it.
#[derive(Clone)]
pub struct Stopping(watch::Sender<Stage>);

impl Stopping {
    pub fn new() -> Self {
        Self(watch::Sender::new(Stage::Serving))
    }

    pub fn has_begun(&self) -> bool {
        self.is_at(Stage::Leaving)
    }

    pub fn is_at(&self, stage: Stage) -> bool {
        *self.0.borrow() >= stage
    }

    pub fn enter(&self, stage: Stage) {
        self.0.send_replace(stage);
    }

    /// Returns when the server is that far.
    pub async fn reached(&self, stage: Stage) {
        // It cannot fail, as this holds the sender.
        let _ = self.0.subscribe().wait_for(|now| *now >= stage).await;
    }
}

/// Waits for SIGTERM or SIGINT. From then on a second one ends the process at once.
pub async fn signalled() -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut next = async move || {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    };
    let name = next().await;
    log::info!("{name}: finishing what is under way");
    systemd::tell_stopping();
    actix_rt::spawn(async move {
        let name = next().await;
        log::warn!("{name} again: ending at once");
        log::logger().flush();
        process::exit(1);
    });
    Ok(())
}

/// Ends the process when its time is over, whatever the database, WeChat or a caller still does. A
/// thread of its own, as it must not depend on what may hang.
pub fn end_in_time() {
    thread::spawn(|| {
        thread::sleep(LAST_MOMENT);
        log::warn!("something did not end in {} s: leaving it", LAST_MOMENT.as_secs());
        log::logger().flush();
        process::exit(0);
    });
}
