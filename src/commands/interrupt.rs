//! Ctrl-C during long work: the work asks between its batches whether it should stop.

use std::io;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

use actix_rt::signal::unix::{Signal, SignalKind, signal};

/// What a shell reports of a program that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// Whether SIGINT or SIGTERM has come.
#[derive(Clone, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on. A second signal ends the process at once, for a batch that hangs.
    pub fn listen() -> io::Result<Self> {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        let (sender, receiver) = sync_channel(1);
        thread::spawn(move || {
            let listening = actix_rt::Runtime::new().and_then(|runtime| {
                let signals = runtime.block_on(async { signals() })?;
                Ok((runtime, signals))
            });
            match listening {
                Err(error) => drop(sender.send(Err(error))),
                Ok((runtime, (mut interrupts, mut terminations))) => {
                    let _ = sender.send(Ok(()));
                    runtime.block_on(async {
                        either(&mut interrupts, &mut terminations).await;
                        heard.0.store(true, Ordering::Relaxed);
                        either(&mut interrupts, &mut terminations).await;
                        process::exit(INTERRUPTED);
                    });
                }
            }
        });
        receiver.recv().unwrap_or_else(|error| Err(io::Error::other(error)))?;
        Ok(interrupt)
    }

    pub fn has_come(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn signals() -> io::Result<(Signal, Signal)> {
    Ok((signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
}

async fn either(interrupts: &mut Signal, terminations: &mut Signal) {
    tokio::select! {
        _ = interrupts.recv() => {}
        _ = terminations.recv() => {}
    }
}
