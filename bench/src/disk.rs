//! What the disk takes to keep what a commit writes.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::statistics::median;

/// A block of a database's log.
const BLOCK: [u8; 512] = [1; 512];
const SYNCS: usize = 200;

/// The median time of an fsync of one more block, in milliseconds.
pub fn sync_ms(directory: &Path) -> Result<f64> {
    let path = directory.join("synced");
    let mut file = File::create(&path).with_context(|| format!("cannot write {path:?}"))?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        file.write_all(&BLOCK)?;
        let begun = Instant::now();
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(median(times.into_iter()))
}
