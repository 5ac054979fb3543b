//! WeChat's side: trades a code for a `session_key`. Knows no database and no HTTP of ours.
//!
//! [`client`] makes one exchange, attempt by attempt, within its budget; what its threads share is
//! in [`upstream`]: which of WeChat's [`hosts`] is asked, the [`secret`], and the pause after a used
//! up [`quota`]. [`connection`] races a host's addresses. [`answer`] reads what comes back, and
//! [`errcodes`] is the one table of what it means.

mod answer;
mod attempt;
mod client;
mod connection;
mod errcodes;
mod exchange;
mod hosts;
mod probe;
mod quota;
mod secret;
mod upstream;

pub use self::answer::{Answer, Refusal};
pub use self::attempt::ATTEMPTS;
pub use self::client::WeChat;
pub use self::errcodes::{Class, ERRCODES, Errcode};
pub use self::exchange::{ExchangeError, Session};
pub use self::probe::{Credentials, Probe, probe};
pub use self::upstream::Upstream;
