//! The log: who writes it, its two forms, and its one rule: our own lines at any level, our
//! packages' only from info up.
//!
//! A line never waits for its reader, who may be a full pipe: it goes through a bounded buffer to a
//! thread of its own, and what finds no room there is counted.

use std::fmt;
use std::io::{self, Write as _};
use std::sync::LazyLock;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use env_logger::Logger;
use log::kv::{self, ToValue, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use prometheus_client::metrics::counter::Counter;

use crate::config::LogFormat;

/// Lines that may wait to be written, some 200 bytes each and 4 KiB at most.
const MAX_WAITING: usize = 4_096;
const MAX_TEXT_BYTES: usize = 4_096;
/// Bytes that are written at once, where so many wait.
const BATCH_BYTES: usize = 64 * 1_024;
/// How long the end of the process waits for its last lines.
const FLUSH_TIME: Duration = Duration::from_secs(1);

static DROPPED: LazyLock<Counter> = LazyLock::new(Counter::default);

/// Starts the log on standard error; `filter` is env_logger's, as in `RUST_LOG`.
pub fn init(filter: &str, format: LogFormat) {
    let logger = env_logger::Builder::new().parse_filters(filter).build();
    log::set_max_level(logger.filter());
    let (lines, waiting) = sync_channel(MAX_WAITING);
    thread::spawn(move || write_lines(&waiting));
    // It fails only where a log was started before, and that one serves as well.
    let _ = log::set_boxed_logger(Box::new(Buffered { logger, format, lines }));
}

/// Lines that were dropped, as nobody read those before them.
pub fn dropped() -> Counter {
    DROPPED.clone()
}

/// A field of a line that is made of fields.
pub enum Value {
    Text(String),
    Whole(u64),
    /// Shown with one decimal.
    Number(f64),
}

/// Writes a line: the text as it is, or the fields where the form is JSON.
pub fn write(level: Level, text: fmt::Arguments<'_>, fields: &[(&'static str, Value)]) {
    let record = Record::builder()
        .level(level)
        .target(module_path!())
        .args(text)
        .key_values(&fields)
        .build();
    log::logger().log(&record);
}

struct Buffered {
    logger: Logger,
    format: LogFormat,
    lines: SyncSender<Order>,
}

enum Order {
    Write(String),
    /// Tell when everything before this is written.
    Tell(SyncSender<()>),
}

impl Buffered {
    /// Below info, the HTTP and TLS packages write whole requests and URLs, and these hold secrets;
    /// so their lines are dropped there, whatever `RUST_LOG` asks for.
    fn is_allowed(metadata: &Metadata<'_>) -> bool {
        metadata.level() <= LevelFilter::Info || metadata.target().starts_with("wxauth")
    }

    fn line(&self, record: &Record<'_>) -> String {
        let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S%.3fZ");
        let level = shown_level(record);
        match self.format {
            LogFormat::Text => {
                let line = format!("{now} {level:<5} {}", record.args());
                format!("{}\n", bounded(line))
            }
            LogFormat::Json => format!("{}\n", json(&now.to_string(), level, record)),
        }
    }
}

impl Log for Buffered {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Self::is_allowed(metadata) && self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        if !Self::is_allowed(record.metadata()) || !self.logger.matches(record) {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Order::Write(self.line(record))) {
            DROPPED.inc();
        }
    }

    fn flush(&self) {
        let (tell, told) = sync_channel(1);
        if self.lines.try_send(Order::Tell(tell)).is_ok() {
            // A reader that stalls must not keep the process from ending.
            let _ = told.recv_timeout(FLUSH_TIME);
        }
    }
}

/// What the HTTP package calls an error is what strangers send to an open port.
fn shown_level(record: &Record<'_>) -> Level {
    match record.target().starts_with("actix_http") {
        true => record.level().max(Level::Info),
        false => record.level(),
    }
}

fn json(now: &str, level: Level, record: &Record<'_>) -> String {
    let mut fields = Fields(serde_json::Map::new());
    fields.0.insert("time".to_owned(), now.into());
    fields.0.insert("level".to_owned(), level.as_str().into());
    // It cannot fail, as the visitor does not.
    let _ = record.key_values().visit(&mut fields);
    if record.key_values().count() == 0 {
        fields.0.insert("message".to_owned(), bounded(record.args().to_string()).into());
    }
    serde_json::Value::Object(fields.0).to_string()
}

fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

struct Fields(serde_json::Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let value = match (value.to_u64(), value.to_f64()) {
            (Some(whole), _) => whole.into(),
            (None, Some(number)) => number.into(),
            (None, None) => bounded(value.to_string()).into(),
        };
        self.0.insert(key.to_string(), value);
        Ok(())
    }
}

fn write_lines(waiting: &Receiver<Order>) {
    let mut batch = String::new();
    let mut told_dropped = 0;
    while let Ok(order) = waiting.recv() {
        let mut next = Some(order);
        let mut tell = None;
        while let Some(order) = next {
            match order {
                Order::Write(line) => batch.push_str(&line),
                Order::Tell(to) => tell = Some(to),
            }
            let goes_on = tell.is_none() && batch.len() < BATCH_BYTES;
            next = if goes_on { waiting.try_recv().ok() } else { None };
        }
        // Without a standard error there is nobody to tell.
        let _ = io::stderr().write_all(batch.as_bytes());
        batch.clear();
        let dropped = DROPPED.get();
        if dropped > told_dropped {
            log::warn!(
                "{} lines of the log were dropped, as nobody read it",
                dropped - told_dropped
            );
            told_dropped = dropped;
        }
        if let Some(tell) = tell {
            // Whoever asked may have gone.
            let _ = tell.send(());
        }
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Value {
    fn from(whole: u64) -> Self {
        Self::Whole(whole)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(whole) => write!(f, "{whole}"),
            Self::Number(number) => write!(f, "{number:.1}"),
        }
    }
}

impl ToValue for Value {
    fn to_value(&self) -> kv::Value<'_> {
        match self {
            Self::Text(text) => text.to_value(),
            Self::Whole(whole) => whole.to_value(),
            Self::Number(number) => number.to_value(),
        }
    }
}
