//! Stopping without failing a request: what happens between SIGTERM and the end.

use std::io;
use std::process;
use std::thread;
use std::time::Duration;

use actix_rt::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use super::systemd;

/// Between the last connection that is accepted and the end of idle ones: who sends one request
/// after the other hears `Connection: close` in this time.
pub const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// What is left then to requests under way, to their last answers, to logins whose caller is gone,
/// and to counts that are not stored yet: together less than orchestrators wait.
pub const UNDER_WAY: Duration = Duration::from_secs(18);
pub const LAST_ANSWERS: Duration = Duration::from_secs(1);
pub const LAST_LOGINS: Duration = Duration::from_secs(4);
pub const LAST_COUNTS: Duration = Duration::from_secs(3);
/// What SIGTERM leaves, once the listener is closed: below the 30 s after which orchestrators kill.
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

/// SIGTERM and SIGINT.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on neither ends the process by itself.
    pub fn take() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Returns at the first. A second one ends the process at once.
    pub async fn first(mut self) {
        let name = self.next().await;
        log::info!("{name}: finishing what is under way");
        systemd::tell_stopping();
        actix_rt::spawn(async move {
            let name = self.next().await;
            log::warn!("{name} again: ending at once");
            log::logger().flush();
            process::exit(1);
        });
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
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
