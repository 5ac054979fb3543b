//! wxauth: logs in WeChat mini-program users and opens their encrypted phone numbers.
//!
//! A request enters at [`server`], passes the [`edge`], becomes valid values at the door
//! ([`request`], [`values`], [`open_data`]), and one of the [`routes`] hands them to a verb:
//! [`login`] or [`phone`]. The verbs use [`wechat`] and [`store`], which know nothing of each
//! other. Whatever fails becomes an [`error`].

pub mod arrivals;
pub mod codes;
pub mod commands;
pub mod config;
pub mod edge;
pub mod error;
pub mod logging;
pub mod login;
pub mod metrics;
pub mod open_data;
pub mod phone;
pub mod purge;
pub mod repair;
pub mod reply;
pub mod request;
pub mod routes;
pub mod secret;
pub mod server;
pub mod stopping;
pub mod store;
pub mod tally;
pub mod utc;
pub mod values;
pub mod wechat;

mod schema;
