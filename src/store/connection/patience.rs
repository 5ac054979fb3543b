//! How long one request waits for the database, over all that it asks of it.

use std::cell::Cell;
use std::time::{Duration, Instant};

use actix_rt::time::timeout;

use crate::store::error::{Result, StoreError};

/// No request waits longer for the database, whatever that does.
pub(in crate::store) const DEADLINE: Duration = Duration::from_millis(4_500);

tokio::task_local! {
    /// What is left of a request's patience.
    static LEFT: Cell<Duration>;
}

/// Runs a request, whose statements have one patience between them. What runs outside of this has
/// one for each.
pub async fn with_one_patience<F: Future>(request: F) -> F::Output {
    LEFT.scope(Cell::new(DEADLINE), request).await
}

/// Waits for the database as long as there is patience.
pub(in crate::store) async fn wait_for<T>(answer: impl Future<Output = Result<T>>) -> Result<T> {
    let left = LEFT.try_with(Cell::get).unwrap_or(DEADLINE);
    let begun = Instant::now();
    let answer = timeout(left, answer).await.unwrap_or_else(|_| Err(late()));
    // Outside of a request there is nothing to take it from.
    let _ = LEFT.try_with(|patience| patience.set(left.saturating_sub(begun.elapsed())));
    answer
}

pub(in crate::store) fn late() -> StoreError {
    let cause = "no answer from the database in time: look at it and at the way to it, \
                 or ask `wxauth doctor`";
    StoreError::Unavailable(cause.to_owned())
}
