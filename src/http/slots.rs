//! How many connections may be open, and whether they become few.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::timeout;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Open connections. The worst that one can hold is some 50 kB: a head of 16 kB and what it is decoded
/// to, the buffers of its answer; with the 32 MiB of bodies that stays below 256 MiB.
const MAX_CONNECTIONS: usize = 4_096;
/// Files that are no connections of callers: the database's, WeChat's, the log.
const OTHER_FILES: u64 = 450;
/// Of all slots, this part is left where they are scarce.
const SCARCE_PART: usize = 8;

/// A slot for each connection that may be open. Clones share them.
#[derive(Clone)]
pub struct Slots {
    free: Arc<Semaphore>,
    count: usize,
}

impl Slots {
    /// As many as there may be open files for.
    pub fn new() -> Self {
        let count = connection_limit();
        Self { free: Arc::new(Semaphore::new(count)), count }
    }

    /// One that is free.
    pub fn take(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).try_acquire_owned().ok()
    }

    /// One that becomes free in this time.
    pub async fn wait(&self, time: Duration) -> Option<OwnedSemaphorePermit> {
        timeout(time, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok()
    }

    /// Whether answers had better close their connections. Whoever always has a request under way
    /// never waits, so that no other could take their slot.
    pub fn are_scarce(&self) -> bool {
        self.free.available_permits() < self.count / SCARCE_PART
    }

    /// Returns when all are free, or after this long.
    pub async fn all_free(&self, time: Duration) {
        // MAX_CONNECTIONS is far below what a u32 holds.
        let all = self.free.acquire_many(self.count as u32);
        let _ = timeout(time, all).await;
    }
}

/// Raises the soft limit of open files to the hard one, and keeps within it.
fn connection_limit() -> usize {
    let files = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(files) => files,
        Err(error) => {
            log::warn!("cannot raise the limit of open files: {error}");
            rlimit::Resource::NOFILE.get_soft().unwrap_or(1_024)
        }
    };
    let left = files.saturating_sub(OTHER_FILES).max(files / 2);
    let limit = usize::try_from(left).unwrap_or(usize::MAX).min(MAX_CONNECTIONS);
    if limit < MAX_CONNECTIONS {
        log::warn!("open files are limited to {files}, and so are connections to {limit}");
    }
    limit
}
