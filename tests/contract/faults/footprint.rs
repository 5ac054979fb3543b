//! What a server takes of its machine and of its database.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::{Database, Server};

/// Threads that have nothing to do leave after some seconds; those that a dead socket held, when
/// the system tells them.
const PATIENCE: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(100);
/// Threads for blocking work that happened not to be there before.
const MORE_THREADS: u64 = 4;
/// What allocators keep.
const MORE_MEMORY_KIB: u64 = 32 * 1_024;

#[derive(Debug, Clone, Copy)]
pub struct Footprint {
    threads: u64,
    memory_kib: u64,
    connections: u64,
}

impl Footprint {
    pub fn of(server: &Server, database: &Database) -> Self {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid()));
        let status = status.expect("the server runs");
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let number = line.and_then(|line| line.split_whitespace().next());
            number.and_then(|number| number.parse().ok()).expect(name)
        };
        // MySQL 5.6 lists some that were killed and closed for good.
        let connections =
            database.count(&format!("{} WHERE command <> 'Killed'", database.connections()));
        Self { threads: number("Threads:"), memory_kib: number("VmRSS:"), connections }
    }

    /// Returns when the server takes no more than this again, and few enough connections.
    #[track_caller]
    pub fn wait_until_restored(&self, server: &Server, database: &Database, most_connections: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Self::of(server, database);
            let is_restored = now.threads <= self.threads + MORE_THREADS
                && now.memory_kib <= self.memory_kib + MORE_MEMORY_KIB
                && now.connections <= most_connections;
            if is_restored {
                return;
            }
            assert!(Instant::now() < deadline, "{self:?} before, {now:?} after the fault");
            thread::sleep(PAUSE);
        }
    }
}
