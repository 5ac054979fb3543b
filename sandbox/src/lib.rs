//! A sandbox WeChat: the map of its modules, and the names that tests use.
//!
//! It behaves like WeChat's `jscode2session`, faults included, and plays the
//! user's phone: it hands out login codes and phone numbers encrypted under the
//! user's current session_key. It shares no code with the server on purpose, so
//! that a mistake in one cannot hide in the other. All its data is made up.

mod answer;
mod calls;
mod codes;
mod commands;
mod connection;
mod control;
mod encryption;
mod exchange;
mod fault;
mod host;
mod journal;
mod jscode2session;
mod old_design;
mod options;
mod phone;
mod playground;
mod sandbox;
mod server;
mod simulation;
mod user;
mod wait;
mod world;

pub use answer::Style;
pub use calls::Calls;
pub use encryption::{EncryptedData, encrypt, encrypt_with_iv};
pub use fault::Fault;
pub use host::Host;
pub use options::{Options, PlaygroundOptions};
pub use phone::PhoneOptions;
pub use sandbox::Sandbox;
pub use simulation::{FirstTap, Simulation, Trouble};
