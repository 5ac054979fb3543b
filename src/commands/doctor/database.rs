//! The checks of the database: whether it is there, and as the server needs it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use chrono::Utc;

use super::finding::{Finding, clock};
use super::names::{
    ALL, CLOCK, CONNECTION, DEFAULTS, ENCRYPTION, LIMITS, MIGRATIONS, PRIVILEGES, SESSION,
    SESSION_KEYS, TABLES, VERSION, WRITER,
};
use super::server::{encryption, limits, writer};
use super::session_keys;
use super::verdicts::{
    defaults, migrations, no_connection, privileges, session, tables, unanswered, version,
};
use crate::config::{self, DatabaseConfig};
use crate::sealing::Sealer;
use crate::store::{Direct, SchemaState};

/// All checks together; each takes milliseconds where the database is well.
const TIME_FOR_ALL: Duration = Duration::from_secs(15);

/// A frozen database holds its client's thread for good, so the checks run on one that can be left
/// alone.
pub fn check(config: &DatabaseConfig) -> Vec<Finding> {
    let (found, findings) = channel();
    let config = config.clone();
    thread::spawn(move || examine(&config, &found));
    collect(&findings)
}

pub fn skipped(reason: &str) -> Vec<Finding> {
    ALL.map(|check| Finding::skipped(check, reason)).into()
}

/// Everything that is found in time; the check that took too long has failed.
fn collect(arriving: &Receiver<Finding>) -> Vec<Finding> {
    let deadline = Instant::now() + TIME_FOR_ALL;
    let mut findings: Vec<Finding> = Vec::new();
    let mut is_over = false;
    for check in ALL {
        let left = deadline.saturating_duration_since(Instant::now());
        let arrived = arriving.recv_timeout(left);
        is_over |= arrived == Err(RecvTimeoutError::Disconnected)
            && findings.iter().any(Finding::is_failure);
        findings.push(match arrived {
            Ok(finding) => finding,
            Err(_) if is_over => Finding::skipped(check, "it depends on a check that failed"),
            Err(_) => {
                is_over = true;
                let advice = "look at the database: its log, SHOW PROCESSLIST, disk and locks";
                Finding::failed(check, "the database does not answer", advice)
            }
        });
    }
    findings
}

/// Ends early where nothing more can be found; nobody listens any more if it took too long.
fn examine(config: &DatabaseConfig, found: &Sender<Finding>) {
    let tell = |finding| drop(found.send(finding));
    let mut direct = match Direct::connect_or_explain(config) {
        Ok(direct) => direct,
        Err((failure, cause)) => return tell(no_connection(failure, &cause)),
    };
    tell(Finding::ok(CONNECTION, "the database accepts user and password"));
    let protected = direct.encryption();
    tell(protected.map_or_else(|error| unanswered(ENCRYPTION, &error), |found| encryption(&found)));
    match direct.settings() {
        Ok(settings) => [version(&settings), defaults(&settings)].into_iter().for_each(tell),
        Err(error) => {
            [VERSION, DEFAULTS].into_iter().for_each(|check| tell(unanswered(check, &error)));
        }
    }
    let deviations = direct.session_deviations();
    tell(deviations.map_or_else(|error| unanswered(SESSION, &error), |found| session(&found)));
    match direct.server_facts() {
        Ok(facts) => [limits(&facts, config.pool_size), writer(&facts)].into_iter().for_each(tell),
        Err(error) => {
            [LIMITS, WRITER].into_iter().for_each(|check| tell(unanswered(check, &error)));
        }
    }
    tell(direct.rights().map_or_else(|error| unanswered(PRIVILEGES, &error), privileges));
    let state = direct.schema_state();
    let is_current = matches!(state, Ok(SchemaState::Current));
    tell(state.map_or_else(|error| unanswered(MIGRATIONS, &error), migrations));
    tell(if is_current {
        direct.oddities().map_or_else(|error| unanswered(TABLES, &error), |found| tables(&found))
    } else {
        Finding::skipped(TABLES, "migrations are not current")
    });
    tell(match (is_current, config::key_secrets()) {
        (true, Ok(secrets)) => session_keys::check(&mut direct, &Sealer::new(&secrets)),
        (true, Err(_)) => Finding::skipped(SESSION_KEYS, "the configuration lacks the secrets"),
        (false, _) => Finding::skipped(SESSION_KEYS, "migrations are not current"),
    });
    let asked = Utc::now();
    tell(match direct.now() {
        Ok(theirs) => {
            let half = (Utc::now() - asked) / 2;
            clock(CLOCK, "the database's", (theirs.and_utc() - asked - half).num_seconds())
        }
        Err(error) => unanswered(CLOCK, &error),
    });
}
