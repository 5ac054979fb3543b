//! How long one request may still wait for the database, over all that it asks of it.

use std::time::{Duration, Instant};

use actix_rt::time::timeout;

use crate::store::error::{Result, StoreError};

/// No request waits longer for the database, whatever that does.
const WHOLE: Duration = Duration::from_millis(4_500);

/// What a request carries from its first statement to its last.
#[derive(Debug)]
pub struct Budget {
    left: Duration,
}

impl Budget {
    /// The whole of it: for a request, or for a piece of work that belongs to none.
    pub fn new() -> Self {
        Self { left: WHOLE }
    }

    /// How long the database was waited for so far.
    pub fn spent(&self) -> Duration {
        WHOLE - self.left
    }

    /// Takes off what somebody else has waited for the database on this request's behalf.
    pub fn spend(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }

    pub(in crate::store) fn deadline(&self) -> Instant {
        Instant::now() + self.left
    }

    /// Waits for an answer of the database, as long as the budget lasts.
    pub(in crate::store) async fn wait_for<T>(
        &mut self,
        answer: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let begun = Instant::now();
        let answer = timeout(self.left, answer).await.unwrap_or_else(|_| Err(late()));
        self.spend(begun.elapsed());
        answer
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::new()
    }
}

fn late() -> StoreError {
    let cause = "no answer from the database in time: look at it and at the way to it, \
                 or ask `wxauth doctor`";
    StoreError::Unavailable(cause.to_owned())
}
