//! The checks of the configuration: everything that is wrong at once, and no value.

use super::finding::Finding;
use crate::config::{Bind, Config};

const CHECK: &str = "configuration";
const PROXIES: &str = "trusted_proxies";

/// What is set and does nothing is told with what is wrong, as it may be why.
pub fn check(doubts: &[String]) -> Finding {
    let problems = Config::problems();
    let sentences = problems.iter().map(|problem| problem.without_value());
    let found = sentences.chain(doubts.iter().map(String::as_str)).collect::<Vec<_>>().join("; ");
    match (problems.is_empty(), doubts.is_empty()) {
        (true, true) => Finding::ok(CHECK, "every variable is there and well formed"),
        (true, false) => Finding::warning(CHECK, found, "correct them, or leave them out"),
        (false, _) => Finding::failed(CHECK, found, "set them in the environment or in .env"),
    }
}

/// Who calls is known only where a proxy says so.
pub fn proxies() -> Finding {
    let Ok(config) = Config::load() else {
        return Finding::skipped(PROXIES, "the configuration is not whole");
    };
    match (config.bind, config.trusted_proxies.len()) {
        (Bind::Unix(_), _) => Finding::ok(PROXIES, "who comes by the unix socket is one"),
        (Bind::Tcp(_), 0) => Finding::warning(
            PROXIES,
            "none is listed, so no limit counts by address",
            "name what stands in front in TRUSTED_PROXIES, such as 127.0.0.1/32 for an nginx here",
        ),
        (Bind::Tcp(_), count) => Finding::ok(PROXIES, format!("{count} networks are listed")),
    }
}
