//! Everything of HTTP: one file an endpoint, and what is around all of them.
//!
//! [`accepting`] takes connections, as many as there are [`slots`], and hands them to [`workers`],
//! each of which runs an [`app`] on them; a [`connection`] keeps its caller in time, by its
//! [`progress`], which finds where requests end by [`ends`]. [`proxies`] tells who calls, [`edge`] is
//! around every request, [`request`] is the door where what a page sends becomes valid values,
//! [`reply`] the form of a good answer, and [`log_line`] what the log tells. [`stopping`] is what
//! happens between SIGTERM and the end, [`systemd`] what systemd hears of it, and [`server`] puts all
//! of it together.

mod accepting;
mod app;
mod connection;
mod edge;
mod endpoints;
mod ends;
mod log_line;
mod progress;
mod proxies;
mod reply;
mod request;
mod server;
mod slots;
mod stopping;
mod systemd;
mod workers;

pub use self::endpoints::PATHS;
// The two that read what strangers write are also fuzzed by themselves.
pub use self::proxies::TrustedProxies;
pub use self::request::Fields;
pub use self::server::{Ground, Listener, serve};
