//! The load: each connection sends its next request when its last one is answered, and not before
//! it is due, where a rate is asked for.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval_at, sleep, timeout};

use crate::connection::Connection;

/// Writes one more whole request.
pub type WriteRequest = Arc<dyn Fn(&mut Vec<u8>) + Send + Sync>;

/// Before counting begins: connections are made, here and to the database, and statements prepared.
const WARM_UP: Duration = Duration::from_millis(500);
/// What requests that are under way at the end are given.
const LAST_ANSWERS: Duration = Duration::from_secs(10);
/// A server that refuses connections is not asked more often by each of them.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);
/// What the histogram keeps of a latency: its first digits, and no more than a minute, which no
/// request may take.
const SIGNIFICANT_DIGITS: u8 = 3;
const MAX_LATENCY_US: u64 = 60_000_000;

#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub connections: usize,
    pub duration: Duration,
    /// Over all connections; `None` is as many as are answered.
    pub requests_per_second: Option<f64>,
    /// Or each request has a connection of its own.
    pub keeps_connections: bool,
}

/// Something that only grows, such as a process's CPU time.
pub type Counter<'a> = &'a dyn Fn() -> Result<f64>;

/// What a loop saw while it counted.
pub struct Measured {
    /// Of answers with status 200, in microseconds.
    pub latencies: Histogram<u64>,
    pub elapsed: Duration,
    /// By how much each counter grew.
    pub counted: Vec<f64>,
    /// Requests that were not answered with 200 at any time, and how they ended.
    pub not_ok: BTreeMap<String, u64>,
}

struct Shared {
    phase: AtomicU8,
    counts: Mutex<Counts>,
}

struct Counts {
    latencies: Histogram<u64>,
    not_ok: BTreeMap<String, u64>,
}

const WARMING_UP: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// Runs the loop on this thread alone: a request costs it below 10 µs, more threads save none of
/// that, and the other cores are left to the server.
pub fn run(
    address: SocketAddr,
    load: Load,
    write_request: WriteRequest,
    counters: &[Counter],
) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let counts = Mutex::new(Counts { latencies: latencies()?, not_ok: BTreeMap::new() });
    let shared = Arc::new(Shared { phase: AtomicU8::new(WARMING_UP), counts });
    runtime.block_on(async {
        let mut loops = JoinSet::new();
        for number in 0..load.connections {
            let pace = load.pace(number);
            loops.spawn(request_loop(
                address,
                load.keeps_connections,
                pace,
                Arc::clone(&write_request),
                Arc::clone(&shared),
            ));
        }
        sleep(WARM_UP).await;

        let before = read(counters)?;
        let started = Instant::now();
        shared.phase.store(COUNTING, Ordering::Relaxed);
        sleep(load.duration).await;
        shared.phase.store(OVER, Ordering::Relaxed);
        let elapsed = started.elapsed();
        let after = read(counters)?;

        let all_ended = async { while loops.join_next().await.is_some() {} };
        if timeout(LAST_ANSWERS, all_ended).await.is_err() {
            let unanswered = loops.len() as u64;
            shared.counts.lock().not_ok.insert("not answered at the end".to_owned(), unanswered);
        }
        let counted = grown(&before, &after);
        let counts = shared.counts.lock();
        let (latencies, not_ok) = (counts.latencies.clone(), counts.not_ok.clone());
        Ok(Measured { latencies, elapsed, counted, not_ok })
    })
}

impl Load {
    /// When the requests of one connection are due: those of all are spread evenly.
    fn pace(&self, number: usize) -> Option<Pace> {
        let between_all = Duration::from_secs_f64(1.0 / self.requests_per_second?);
        Some(Pace {
            first: between_all * number as u32,
            every: between_all * self.connections as u32,
        })
    }
}

struct Pace {
    first: Duration,
    every: Duration,
}

async fn request_loop(
    address: SocketAddr,
    keeps_connections: bool,
    pace: Option<Pace>,
    write_request: WriteRequest,
    shared: Arc<Shared>,
) {
    let (mut request, mut connection) = (Vec::new(), None);
    let mut due = pace.map(|pace| {
        let mut due = interval_at(tokio::time::Instant::now() + pace.first, pace.every);
        // Who is late sends the next at its usual distance.
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        due
    });
    while shared.phase.load(Ordering::Relaxed) != OVER {
        if let Some(due) = &mut due {
            due.tick().await;
        }
        request.clear();
        write_request(&mut request);
        let started = Instant::now();
        let status = status(&mut connection, address, &request).await;
        if !keeps_connections {
            connection = None;
        }
        match status {
            Ok(200) => shared.answered(started.elapsed()),
            Ok(status) => shared.not_ok(format!("status {status}")),
            Err(error) => {
                connection = None;
                shared.not_ok(error.to_string());
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

async fn status(
    connection: &mut Option<Connection>,
    address: SocketAddr,
    request: &[u8],
) -> std::io::Result<u16> {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(Connection::open(address).await?),
    };
    Ok(connection.exchange(request).await?.status)
}

impl Shared {
    fn answered(&self, latency: Duration) {
        if self.phase.load(Ordering::Relaxed) == COUNTING {
            self.counts.lock().latencies.saturating_record(latency.as_micros() as u64);
        }
    }

    /// Counted at any time: even while warming up, none is expected.
    fn not_ok(&self, how: String) {
        *self.counts.lock().not_ok.entry(how).or_default() += 1;
    }
}

pub fn grown(before: &[f64], after: &[f64]) -> Vec<f64> {
    after.iter().zip(before).map(|(after, before)| after - before).collect()
}

/// None yet.
pub fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_max(MAX_LATENCY_US, SIGNIFICANT_DIGITS)?)
}

pub fn read(counters: &[Counter]) -> Result<Vec<f64>> {
    counters.iter().map(|counter| counter()).collect()
}
