//! Waiting without sleeps: for a held answer's release, and for calls to arrive.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::world::{State, World};

/// A test that waits longer than this waits for something that will not come.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// An answer that is held back. Dropping it, as when its caller hangs up, ends
/// the waiting.
pub(crate) struct Held {
    world: Arc<World>,
    released: watch::Receiver<()>,
}

impl Held {
    pub(crate) fn if_held(world: &Arc<World>, state: &mut State) -> Option<Self> {
        if !state.held {
            return None;
        }
        state.waiting += 1;
        Some(Self {
            world: Arc::clone(world),
            // Subscribed under the lock that release takes, so none is missed.
            released: world.released.subscribe(),
        })
    }

    pub(crate) async fn until_release(mut self) {
        // The sender lives in the world, which self keeps alive.
        let _ = self.released.changed().await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.world.state().waiting -= 1;
    }
}

impl World {
    pub(crate) async fn wait_for_waiting(self: &Arc<Self>, n: usize) {
        self.wait_until(move |state| state.waiting >= n).await;
    }

    pub(crate) async fn wait_for_calls(self: &Arc<Self>, n: u64) {
        self.wait_until(move |state| state.counts.calls.total >= n).await;
    }

    /// The waiting is done by a thread, as the caller's runtime, if it has one,
    /// is unknown, and so is its clock.
    async fn wait_until(self: &Arc<Self>, reached: impl Fn(&State) -> bool + Send + 'static) {
        let (done, outcome) = oneshot::channel();
        let world = Arc::clone(self);
        thread::spawn(move || {
            let mut state = world.state();
            let unreached = |state: &mut State| !reached(state);
            let waited = world.changed.wait_while_for(&mut state, unreached, LONGEST_WAIT);
            let seen = (state.counts.calls.total, state.waiting);
            // Nobody listens any more if the waiting future was dropped.
            let _ = done.send(if waited.timed_out() { Err(seen) } else { Ok(()) });
        });
        match outcome.await {
            Ok(Ok(())) => {}
            Ok(Err((total, waiting))) => panic!(
                "the sandbox did not see in {LONGEST_WAIT:?} what the test waits for: \
                 {total} exchanges arrived, {waiting} of them are held"
            ),
            Err(_) => panic!("the sandbox's waiting thread died"),
        }
    }
}
