//! Work of one kind that waits for a thread, joined into one statement where it can be.
//!
//! A thread that becomes free takes all that wait, up to [`MAX_BATCH`], and runs one statement for
//! them; meanwhile the next ones gather. So the more requests there are, the less each costs, and
//! one that comes alone waits for nobody.
//!
//! The race: *a conflict in a batch*, or a row in it that the database refuses. All of it was
//! rolled back, so its requests are run one by one; each gets its own outcome.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::budget::Budget;
use super::classify::Trouble;
use super::workers::{Batch, Conflicts, Kind, Worker};
use crate::metrics::BatchMetrics;
use crate::store::error::{Result, StoreError};

/// Requests that one statement serves at most; more would make each wait longer and save little.
pub const MAX_BATCH: usize = 64;
/// Requests that may wait, some kilobytes each.
const MAX_WAITING: usize = 4_096;

/// What serves one request or many.
pub trait Statement: Sized + 'static {
    type Input: Send + 'static;
    type Output: Send + 'static;

    /// Requests that are joined at most: [`MAX_BATCH`], or 1.
    const MAX_BATCH: usize;
    /// Threads that may be at it at once, but for slow ones. Two, where requests are joined: one
    /// gathers results while the other's statement runs, and more would only make batches smaller.
    const MAX_THREADS: usize;
    const WRITES: bool;

    /// One output for each of the inputs, in their order. Must bear being run twice.
    fn run(
        connection: &mut MysqlConnection,
        inputs: &mut [Self::Input],
    ) -> QueryResult<Vec<Self::Output>>;
}

pub struct Queue<S: Statement> {
    jobs: Mutex<VecDeque<Job<S>>>,
    metrics: BatchMetrics,
}

struct Job<S: Statement> {
    input: S::Input,
    since: Instant,
    deadline: Instant,
    /// Whether it is run by itself, as a batch that it was in did not succeed.
    is_alone: bool,
    reply: Reply<S>,
}

type Reply<S> = oneshot::Sender<Result<<S as Statement>::Output>>;

impl<S: Statement> Queue<S> {
    pub fn new(metrics: BatchMetrics) -> Arc<Self> {
        Arc::new(Self { jobs: Mutex::default(), metrics })
    }

    /// Puts a request into the queue. Its outcome, which is its own, comes from the future.
    pub fn push(
        &self,
        input: S::Input,
        budget: &Budget,
    ) -> Result<impl Future<Output = Result<S::Output>> + use<S>> {
        let (reply, outcome) = oneshot::channel();
        let (since, deadline) = (Instant::now(), budget.deadline());
        let mut jobs = self.jobs.lock();
        drop_abandoned(&mut jobs);
        if jobs.len() >= MAX_WAITING {
            return Err(StoreError::Busy);
        }
        jobs.push_back(Job { input, since, deadline, is_alone: false, reply });
        self.metrics.waiting.set(jobs.len() as i64);
        let lost = |_| Err(StoreError::Bug("a statement ended without an outcome".to_owned()));
        Ok(async move { outcome.await.unwrap_or_else(lost) })
    }

    fn take(&self) -> Vec<Job<S>> {
        let mut jobs = self.jobs.lock();
        let mut batch = Vec::with_capacity(jobs.len().min(S::MAX_BATCH));
        drop_abandoned(&mut jobs);
        batch.extend(jobs.pop_front());
        let is_alone = batch.first().is_some_and(|job| job.is_alone);
        while !is_alone
            && batch.len() < S::MAX_BATCH
            && let Some(job) = jobs.pop_front_if(|job| !job.is_alone)
        {
            if !job.reply.is_closed() {
                batch.push(job);
            }
        }
        self.metrics.waiting.set(jobs.len() as i64);
        batch
    }

    fn run(&self, batch: Vec<Job<S>>, worker: &Worker) {
        self.metrics.batch_sizes.observe(batch.len() as f64);
        let Some(deadline) = batch.iter().map(|job| job.deadline).max() else { return };
        let conflicts = match batch.len() {
            1 => Conflicts::RunAgain,
            _ => Conflicts::TellAtOnce,
        };
        let (mut inputs, rest): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|job| (job.input, (job.since, job.deadline, job.reply))).unzip();
        match worker.run(|connection| S::run(connection, &mut inputs), conflicts, deadline) {
            Ok(outputs) => {
                for ((.., reply), output) in rest.into_iter().zip(outputs) {
                    // Nobody waits any more for what cannot be sent.
                    let _ = reply.send(Ok(output));
                }
            }
            Err(Trouble::Conflict(cause) | Trouble::Refused(cause) | Trouble::Bug(cause))
                if inputs.len() > 1 =>
            {
                log::debug!("running {} statements one by one: {cause}", inputs.len());
                self.run_one_by_one(inputs.into_iter().zip(rest).map(
                    |(input, (since, deadline, reply))| Job {
                        input,
                        since,
                        deadline,
                        is_alone: true,
                        reply,
                    },
                ));
            }
            Err(trouble) => {
                let error = StoreError::from(trouble);
                for (.., reply) in rest {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// So that one row that the database refuses, or that somebody keeps locked, fails nobody else.
    /// They come next, and while one of them is slow, other threads go on with the rest.
    fn run_one_by_one(&self, jobs: impl DoubleEndedIterator<Item = Job<S>>) {
        let mut waiting = self.jobs.lock();
        jobs.rev().for_each(|job| waiting.push_front(job));
        self.metrics.waiting.set(waiting.len() as i64);
    }
}

/// Takes out the oldest that nobody waits for any more: their deadlines are over, or they hung up.
fn drop_abandoned<S: Statement>(jobs: &mut VecDeque<Job<S>>) {
    while jobs.pop_front_if(|job| job.reply.is_closed()).is_some() {}
}

impl<S: Statement> Kind for Queue<S> {
    fn max_threads(&self) -> usize {
        S::MAX_THREADS
    }

    fn writes(&self) -> bool {
        S::WRITES
    }

    fn waits_since(&self) -> Option<Instant> {
        self.jobs.lock().front().map(|job| job.since)
    }

    fn take(self: Arc<Self>) -> Option<Batch> {
        let batch = Queue::take(&self);
        (!batch.is_empty()).then(|| -> Batch { Box::new(move |worker| self.run(batch, worker)) })
    }
}
