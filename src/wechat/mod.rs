//! WeChat's side: trades a code for a `session_key`. Knows no database and no HTTP of ours.

mod answer;
mod attempt;
mod client;
mod exchange;
mod probe;

pub use self::attempt::ATTEMPTS;
pub use self::client::WeChat;
pub use self::exchange::{ExchangeError, Session};
pub use self::probe::{Credentials, Probe, probe};
