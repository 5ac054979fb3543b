//! The contract, told from outside: real servers, a real database, a sandbox WeChat.
//!
//! Run it with `scripts/test`, which starts the database.

// A test that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
// The rules of clippy.toml are for the rooms of src.
#![allow(clippy::disallowed_methods)]

mod harness;

mod accounts;
mod bad_requests;
mod clumsy_requests;
mod code2session;
mod connecting;
mod database_tls;
mod database_trouble;
mod doctor;
mod erasure;
mod errors;
mod faults;
mod get_wx_user_phone;
mod healthcheck;
mod hostile_callers;
mod joined_phones;
mod joined_statements;
mod key_ages;
mod key_ring;
mod keys_at_rest;
mod late_login;
mod logs;
mod metrics;
mod migrate_status;
mod miniprogram;
mod nginx;
mod one_at_a_time;
mod openapi;
mod phone_history;
mod properties;
mod repair;
mod retry_safe_codes;
mod sealed_keys;
mod sessions_command;
mod sessions_script;
mod simulation;
mod slow_callers;
mod starting;
mod stopping;
mod stored_codes;
mod systemd;
mod upstream;
mod user;
mod users_command;
mod users_import;
mod vectors;
mod views;
mod wechat;
