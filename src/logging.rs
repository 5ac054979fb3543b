//! The log's format and its one rule: our own lines at any level, our packages' only from info up.

use std::io::Write as _;

use env_logger::Logger;
use log::{LevelFilter, Log, Metadata, Record};

/// Starts the log on standard error; `filter` is env_logger's, as in `RUST_LOG`.
pub fn init(filter: &str) {
    let logger = env_logger::Builder::new()
        .parse_filters(filter)
        .format(|buffer, record| {
            let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
            writeln!(buffer, "{now} {:<5} {}", record.level(), record.args())
        })
        .build();
    log::set_max_level(logger.filter());
    // It fails only where a log was started before, and that one serves as well.
    let _ = log::set_boxed_logger(Box::new(Guarded(logger)));
}

/// Below info, the HTTP and TLS packages write whole requests and URLs, and these hold secrets;
/// so their lines are dropped there, whatever `RUST_LOG` asks for.
struct Guarded(Logger);

impl Guarded {
    fn is_allowed(metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Info || metadata.target().starts_with("wxauth")
    }
}

impl Log for Guarded {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::is_allowed(metadata) && self.0.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if Self::is_allowed(record.metadata()) {
            self.0.log(record);
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}
