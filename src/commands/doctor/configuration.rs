//! The check of the configuration: everything that is wrong at once, and no value.

use super::finding::Finding;
use crate::config::Config;

const CHECK: &str = "configuration";

pub fn check() -> Finding {
    let problems = Config::problems();
    if problems.is_empty() {
        return Finding::ok(CHECK, "every variable is there and well formed");
    }
    let sentences: Vec<_> = problems.iter().map(|problem| problem.without_value()).collect();
    Finding::failed(CHECK, sentences.join("; "), "set them in the environment or in .env")
}
