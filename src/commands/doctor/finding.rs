//! What a check found, as a line for people and an object for scripts.

use std::fmt;

use serde::Serialize;

/// One check's result. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable, for scripts.
    pub check: &'static str,
    pub state: State,
    pub found: String,
    /// What to do; `None` where there is nothing.
    pub advice: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Ok,
    /// Odd, and logins work all the same.
    Warning,
    Failed,
    /// Not made, as it depends on one that failed.
    Skipped,
}

impl Finding {
    pub fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, state: State::Ok, found: found.into(), advice: None }
    }

    pub fn warning(check: &'static str, found: impl Into<String>, advice: &str) -> Self {
        let advice = Some(advice.to_owned());
        Self { check, state: State::Warning, found: found.into(), advice }
    }

    pub fn failed(check: &'static str, found: impl Into<String>, advice: &str) -> Self {
        let advice = Some(advice.to_owned());
        Self { check, state: State::Failed, found: found.into(), advice }
    }

    pub fn skipped(check: &'static str, reason: &str) -> Self {
        Self { check, state: State::Skipped, found: reason.to_owned(), advice: None }
    }

    pub fn is_failure(&self) -> bool {
        self.state == State::Failed
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warning => "warning",
            State::Failed => "failed",
            State::Skipped => "skipped",
        };
        write!(f, "{state:<8} {:<20} {}", self.check, self.found)?;
        match &self.advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

/// How far another clock may be from ours. WeChat's time in the data may be five minutes ahead of
/// ours before a phone number is refused.
const CLOCK_FAILS_SECONDS: i64 = 5 * 60;
/// Clocks that are kept in step are never this far apart.
const CLOCK_WARNS_SECONDS: i64 = 30;

/// What the distance of a clock from ours means; positive where it is ahead of ours.
pub fn clock(check: &'static str, whose: &str, ahead_seconds: i64) -> Finding {
    let distance = ahead_seconds.abs();
    let direction = if ahead_seconds < 0 { "behind" } else { "ahead of" };
    let found = match distance {
        0 => format!("{whose} clock agrees with ours"),
        seconds => format!("{whose} clock is {seconds} s {direction} ours"),
    };
    let advice = "set both machines' clocks by NTP";
    match distance {
        CLOCK_FAILS_SECONDS.. => Finding::failed(check, found, advice),
        CLOCK_WARNS_SECONDS.. => Finding::warning(check, found, advice),
        _ => Finding::ok(check, found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_may_be_some_seconds_off_and_not_five_minutes() {
        for (ahead, state) in [
            (0, State::Ok),
            (29, State::Ok),
            (-29, State::Ok),
            (30, State::Warning),
            (-299, State::Warning),
            (300, State::Failed),
            (-86_400, State::Failed),
        ] {
            assert_eq!(clock("clock", "the database's", ahead).state, state, "{ahead}");
        }
    }
}
