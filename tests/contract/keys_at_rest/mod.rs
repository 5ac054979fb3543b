//! Session keys in the database: sealed by `SESSION_KEY_SECRETS`, and as in 2019 without it.

mod canaries;
mod doctor;
mod reencrypt;
mod rotation;
mod secrets;
mod unreadable;

use crate::harness::{Database, Finished, World};

/// Made up.
const A: &str = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const B: &str = "b:/v38+/r5+Pf29fTz8vHw7+7t7Ovq6ejn5uXk4+Lh4N8=";
const SECRETS: &str = "SESSION_KEY_SECRETS";

/// What the rows hold, in the order of their keys.
fn stored_keys(database: &Database) -> Vec<String> {
    let rows = database.column("session_key", "FROM sessions ORDER BY openid, key_fingerprint");
    rows.into_iter().flatten().collect()
}

/// Runs a command with this list of secrets.
fn run_with(world: &World, secrets: &str, arguments: &[&str]) -> Finished {
    let mut variables = world.variables();
    variables.retain(|(name, _)| *name != SECRETS);
    variables.push((SECRETS, secrets.to_owned()));
    Finished::of(arguments, &variables, b"")
}
