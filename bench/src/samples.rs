//! Requests that are sent once each, some at a time, with the whole answer and its duration kept.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::connection::{Answer, Connection};
use crate::kinds::Kind;

/// Longer than the longest grace that can be asked for.
const ANSWER_PATIENCE: Duration = Duration::from_secs(30);
/// What may differ in every answer.
const IGNORED_HEADERS: [&[u8]; 2] = [b"date:", b"x-request-id:"];

#[derive(Default)]
pub struct Samples {
    answered: Vec<Sample>,
    /// How requests without a whole answer ended.
    pub unanswered: BTreeMap<String, u64>,
}

struct Sample {
    kind: Kind,
    duration: Duration,
    status: u16,
    /// All that could tell one answer from another, but for its duration.
    fingerprint: Vec<u8>,
}

type Requests = Arc<Mutex<Vec<(Kind, Vec<u8>)>>>;

impl Samples {
    pub fn durations_ms(&self, kind: Kind) -> impl Iterator<Item = f64> {
        let of_kind = self.answered.iter().filter(move |sample| sample.kind == kind);
        of_kind.map(|sample| sample.duration.as_secs_f64() * 1_000.0)
    }

    /// Each distinct answer, with how often each kind got it, in the order of [`Kind::ALL`].
    pub fn distinct_answers(&self) -> BTreeMap<String, [u64; Kind::ALL.len()]> {
        let mut distinct = BTreeMap::new();
        for Sample { kind, fingerprint, .. } in &self.answered {
            let text = String::from_utf8_lossy(fingerprint).into_owned();
            let counts: &mut [u64; Kind::ALL.len()] = distinct.entry(text).or_default();
            for (count, counted) in counts.iter_mut().zip(Kind::ALL) {
                *count += u64::from(counted == *kind);
            }
        }
        distinct
    }

    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        let mut statuses = BTreeMap::new();
        for sample in &self.answered {
            *statuses.entry(sample.status).or_default() += 1;
        }
        statuses
    }
}

/// Sends all requests, `in_flight` at a time, each on one of as many connections.
pub fn collect(
    address: SocketAddr,
    requests: Vec<(Kind, Vec<u8>)>,
    in_flight: usize,
) -> Result<Samples> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let requests = Arc::new(Mutex::new(requests));
    let samples = Arc::new(Mutex::new(Samples::default()));
    runtime.block_on(async {
        let mut loops = JoinSet::new();
        for _ in 0..in_flight {
            let (requests, samples) = (Arc::clone(&requests), Arc::clone(&samples));
            loops.spawn(async move {
                while let Some((kind, request)) = next(&requests) {
                    let sampled = sample(address, kind, &request).await;
                    let mut samples = samples.lock();
                    match sampled {
                        Ok(sample) => samples.answered.push(sample),
                        Err(error) => {
                            *samples.unanswered.entry(error.to_string()).or_default() += 1;
                        }
                    }
                }
            });
        }
        while loops.join_next().await.is_some() {}
    });
    let mut samples = samples.lock();
    Ok(std::mem::take(&mut samples))
}

fn next(requests: &Requests) -> Option<(Kind, Vec<u8>)> {
    requests.lock().pop()
}

/// On a connection of its own, which is open before the time begins.
async fn sample(address: SocketAddr, kind: Kind, request: &[u8]) -> io::Result<Sample> {
    let mut connection = Connection::open(address).await?;
    let started = Instant::now();
    let answer = timeout(ANSWER_PATIENCE, connection.exchange(request)).await??;
    let duration = started.elapsed();
    Ok(Sample { kind, duration, status: answer.status, fingerprint: fingerprint(&answer) })
}

/// Headers are sorted, as their order differs between the server's workers, whatever they answer.
fn fingerprint(answer: &Answer<'_>) -> Vec<u8> {
    let differs = |line: &&[u8]| {
        let begins = |name: &&[u8]| {
            line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        };
        IGNORED_HEADERS.iter().any(begins)
    };
    let lines = answer.head.split_inclusive(|byte| *byte == b'\n').filter(|line| !differs(line));
    let mut lines: Vec<&[u8]> = lines.collect();
    lines.sort_unstable();
    lines.into_iter().flatten().chain(answer.body).copied().collect()
}
