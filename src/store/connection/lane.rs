//! Statements of concurrent requests, joined into one.
//!
//! Requests of one kind wait in a lane. A runner that becomes free takes all that wait there, up to
//! [`MAX_BATCH`], and runs one statement for them; meanwhile the next ones gather. So the more
//! requests there are, the less each costs, and one that comes alone waits for nobody.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use actix_rt::time::sleep;
use diesel::QueryResult;
use diesel::mysql::MysqlConnection;
use tokio::sync::oneshot;

use super::classify::Trouble;
use super::connections::{Conflicts, Connections};
use super::patience::DEADLINE;
use super::patience::wait_for;
use super::turns::{MAX_WAITING, Turn};
use crate::metrics::BatchMetrics;
use crate::store::error::Result;
use crate::store::error::StoreError;

/// Requests that one statement serves at most; more would make each wait longer and save little.
pub(in crate::store) const MAX_BATCH: usize = 64;
/// One gathers results while the other's statement runs; more would only make batches smaller.
const MAX_RUNNERS: usize = 2;
/// A runner whose batch takes longer is slow: another one may start beside it.
const SLOW: Duration = Duration::from_millis(250);

/// A statement that serves one request or many.
pub(in crate::store) trait Joined: Sized + 'static {
    type Input: Send + 'static;
    type Output: Send + 'static;

    /// One output for each of the inputs, in their order, which are 1 to [`MAX_BATCH`]. Must bear
    /// being run twice.
    fn run(
        connection: &mut MysqlConnection,
        inputs: &[Self::Input],
    ) -> QueryResult<Vec<Self::Output>>;
}

/// Where requests of one kind wait.
pub(in crate::store) struct Lane<J: Joined> {
    connections: Arc<Connections>,
    metrics: BatchMetrics,
    queue: Mutex<Queue<J>>,
}

struct Queue<J: Joined> {
    waiting: VecDeque<Job<J>>,
    /// The runners that take part; one that is slow does not.
    active: Vec<RunnerId>,
    next_id: RunnerId,
}

type RunnerId = u64;

struct Job<J: Joined> {
    input: J::Input,
    /// Whether it is run by itself, as a batch that it was in did not succeed.
    is_alone: bool,
    reply: Reply<J>,
}

type Reply<J> = oneshot::Sender<Result<<J as Joined>::Output>>;

impl<J: Joined> Lane<J> {
    pub fn new(connections: Arc<Connections>, metrics: BatchMetrics) -> Arc<Self> {
        let queue = Queue { waiting: VecDeque::new(), active: Vec::new(), next_id: 0 };
        Arc::new(Self { connections, metrics, queue: Mutex::new(queue) })
    }

    /// Runs the statement for this input, perhaps along with others'; the outcome, which is this
    /// input's own, is waited for as long as the request has patience.
    pub async fn run(self: &Arc<Self>, input: J::Input) -> Result<J::Output> {
        let (reply, outcome) = oneshot::channel();
        if let Some(id) = self.enter(Job { input, is_alone: false, reply })? {
            self.start_runner(id);
        }
        let lost = |_| Err(StoreError::Bug("a statement ended without an outcome".to_owned()));
        wait_for(async { outcome.await.unwrap_or_else(lost) }).await
    }

    /// Returns the runner that has to be started, if any.
    fn enter(&self, job: Job<J>) -> Result<Option<RunnerId>> {
        let mut queue = self.lock();
        if queue.waiting.len() >= MAX_WAITING {
            return Err(StoreError::Busy);
        }
        queue.waiting.push_back(job);
        self.metrics.waiting.inc();
        Ok(queue.new_runner())
    }

    /// In a task of its own, so that the runner outlives the request that started it.
    fn start_runner(self: &Arc<Self>, id: RunnerId) {
        let lane = Arc::clone(self);
        actix_rt::spawn(async move {
            let place = Place { lane: Arc::clone(&lane), id };
            // Without a turn in time, those who wait are told so by their own deadlines.
            if let Ok(turn) = lane.connections.turn(Instant::now() + DEADLINE).await {
                let batch_began = Mutex::new(None);
                Arc::new(Runner { place, turn, batch_began }).run().await;
            }
        });
    }

    fn run_batch(&self, batch: Vec<Job<J>>, deadline: Instant) {
        self.metrics.batch_sizes.observe(batch.len() as f64);
        let (inputs, replies): (Vec<_>, Vec<_>) =
            batch.into_iter().map(|job| (job.input, job.reply)).unzip();
        let is_one = inputs.len() == 1;
        let conflicts = if is_one { Conflicts::RunAgain } else { Conflicts::TellAtOnce };
        let run = |connection: &mut MysqlConnection| J::run(connection, &inputs);
        match self.connections.run(run, conflicts, deadline) {
            Ok(outputs) => {
                for (reply, output) in replies.into_iter().zip(outputs) {
                    // Nobody waits any more for what cannot be sent.
                    let _ = reply.send(Ok(output));
                }
            }
            Err(Trouble::Conflict(cause) | Trouble::Bug(cause)) if !is_one => {
                log::debug!("running {} statements one by one: {cause}", inputs.len());
                self.run_one_by_one(inputs.into_iter().zip(replies));
            }
            Err(trouble) => {
                let error = StoreError::from(trouble);
                for reply in replies {
                    let _ = reply.send(Err(error.clone()));
                }
            }
        }
    }

    /// So that one row that the database refuses, or that somebody keeps locked, fails nobody else.
    /// They come next, and while one of them is slow, other runners go on with the rest.
    fn run_one_by_one(&self, jobs: impl DoubleEndedIterator<Item = (J::Input, Reply<J>)>) {
        let mut queue = self.lock();
        for (input, reply) in jobs.rev() {
            queue.waiting.push_front(Job { input, is_alone: true, reply });
            self.metrics.waiting.inc();
        }
    }

    /// Every change is whole, so a thread that panicked left nothing half done.
    fn lock(&self) -> MutexGuard<'_, Queue<J>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J: Joined> Queue<J> {
    /// One more runner, if there is work and a place for it.
    fn new_runner(&mut self) -> Option<RunnerId> {
        (self.active.len() < MAX_RUNNERS && !self.waiting.is_empty()).then(|| {
            self.next_id += 1;
            self.active.push(self.next_id);
            self.next_id
        })
    }

    /// The oldest that wait and that somebody still waits for.
    fn take(&mut self) -> Vec<Job<J>> {
        let mut batch = Vec::with_capacity(self.waiting.len().min(MAX_BATCH));
        while batch.len() < MAX_BATCH
            && let Some(job) = self.waiting.pop_front_if(|job| batch.is_empty() || !job.is_alone)
        {
            if job.reply.is_closed() {
                continue;
            }
            let is_alone = job.is_alone;
            batch.push(job);
            if is_alone {
                break;
            }
        }
        batch
    }
}

/// A runner's place among the active ones, if it still has it.
struct Place<J: Joined> {
    lane: Arc<Lane<J>>,
    id: RunnerId,
}

impl<J: Joined> Place<J> {
    /// Lets another runner start in this place, which this one may take again.
    fn leave(&self) {
        let mut queue = self.lane.lock();
        queue.active.retain(|id| *id != self.id);
        let next = queue.new_runner();
        drop(queue);
        if let Some(id) = next {
            self.lane.start_runner(id);
        }
    }

    /// What waits, or nothing: then the place is left, in the same instant, so that whoever comes
    /// next starts another runner.
    fn next_batch(&self) -> Vec<Job<J>> {
        let mut queue = self.lane.lock();
        if !queue.active.contains(&self.id) {
            if queue.active.len() >= MAX_RUNNERS {
                return Vec::new();
            }
            queue.active.push(self.id);
        }
        let before = queue.waiting.len();
        let batch = queue.take();
        self.lane.metrics.waiting.dec_by((before - queue.waiting.len()) as i64);
        if batch.is_empty() {
            queue.active.retain(|id| *id != self.id);
        }
        batch
    }
}

impl<J: Joined> Drop for Place<J> {
    fn drop(&mut self) {
        self.lane.lock().active.retain(|id| *id != self.id);
    }
}

/// Runs batches on a thread that may block, as long as any wait; a task watches over it.
struct Runner<J: Joined> {
    place: Place<J>,
    turn: Arc<Turn>,
    batch_began: Mutex<Option<Instant>>,
}

impl<J: Joined> Runner<J> {
    async fn run(self: Arc<Self>) {
        let runner = Arc::clone(&self);
        actix_rt::task::spawn_blocking(move || runner.work());
        // Not told by the thread itself when it ends, which would wake this task for nothing.
        while !self.turn.is_over() {
            sleep(SLOW).await;
            let Some(began) = *self.batch_began() else { continue };
            if began.elapsed() >= SLOW {
                self.place.leave();
            }
            if began.elapsed() >= DEADLINE {
                return self.place.lane.connections.abandon(&self.turn);
            }
        }
    }

    fn work(&self) {
        // Also when this panics: then the turn goes on, and the task sees that it is over.
        let _ending = self.turn.ending();
        while !self.turn.is_over() {
            let batch = self.place.next_batch();
            if batch.is_empty() {
                break;
            }
            let now = Instant::now();
            *self.batch_began() = Some(now);
            self.place.lane.run_batch(batch, now + DEADLINE);
            *self.batch_began() = None;
        }
    }

    fn batch_began(&self) -> MutexGuard<'_, Option<Instant>> {
        self.batch_began.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
