//! What Prometheus reads: every family of metrics, and the handles that count.
//!
//! Every series exists from the start, so counting makes none, and the first event of a kind is an
//! increase of 0 to 1. Labels hold fixed words only, from the tables in [`Words`]: nothing that a
//! request brings.

mod endpoint;
mod exchanges;
mod family;
mod keys;
mod registry;
mod requests;
mod store;

pub use self::endpoint::serve;
pub use self::exchanges::Exchanges;
pub use self::keys::Keys;
pub use self::registry::{Metrics, Purges, Words};
pub use self::requests::Requests;
pub use self::store::{BatchMetrics, StoreMetrics};
