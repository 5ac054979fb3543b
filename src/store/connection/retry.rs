//! How often, and after which pauses, work that met another's is run again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Deadlocks and certification conflicts are run again this often, with growing pauses.
const MAX_TRIES: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LAST_PAUSE: Duration = Duration::from_millis(200);

/// The pauses before each further try; jitter keeps two who met from meeting again.
pub fn pauses() -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LAST_PAUSE)
        .with_max_times(MAX_TRIES - 1)
        .with_jitter()
        .build()
}
