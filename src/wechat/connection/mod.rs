//! How a connection to one of WeChat's hosts comes about: which addresses its name has, which of
//! them is tried when, TLS, and how awc is handed the one that stands.

mod addresses;
mod connector;
mod race;
mod resolver;
mod stream;
mod tls;

pub use self::connector::{Connector, Sending};
pub use self::race::Racer;
