//! wxauth: logs in WeChat mini-program users and opens their encrypted phone numbers.
//!
//! A request enters at [`http`], where it becomes valid [`values`], and is handed to a verb:
//! [`login`] or [`phone`]. The verbs use [`wechat`] and [`store`], which know nothing of each
//! other. Whatever fails becomes an [`error`]. `ARCHITECTURE.md` has the map.

pub mod arrivals;
pub mod commands;
pub mod config;
pub mod error;
pub mod http;
pub mod key_ages;
pub mod limits;
pub mod logging;
pub mod login;
pub mod metrics;
pub mod phone;
pub mod purge;
pub mod sealing;
pub mod store;
pub mod values;
pub mod wechat;

mod schema;
