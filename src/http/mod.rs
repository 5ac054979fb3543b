//! Everything of HTTP: one file an endpoint, and what is around all of them.
//!
//! [`server`] assembles the application and runs it, [`edge`] is around every request, [`request`]
//! is the door where a body becomes valid values, [`reply`] the form of a good answer,
//! [`stopping`] what happens between SIGTERM and the end, and [`systemd`] what systemd hears of it.

mod edge;
mod endpoints;
mod reply;
mod request;
mod server;
mod stopping;
mod systemd;

pub use self::endpoints::PATHS;
pub use self::server::serve;
