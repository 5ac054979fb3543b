//! The pause after WeChat said that the app's quota is used up: whoever goes on asking uses up the
//! next quota too, and no page gets anything from it.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// The first pause; each that follows without an answer in between is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Quotas count by the minute or by the day, so that asking once a minute finds the end of either.
const LAST_PAUSE: Duration = Duration::from_secs(60);
/// What those are told who come while one exchange finds out.
const MOMENT: Duration = Duration::from_secs(1);

/// Whether exchanges may be made. Shared by all threads.
#[derive(Default)]
pub struct Quota(Mutex<Option<Pause>>);

struct Pause {
    length: Duration,
    until: Instant,
    /// One exchange finds out whether the quota is back.
    is_probing: bool,
}

/// The right to make one exchange.
pub struct Permission<'a> {
    quota: &'a Quota,
    is_probe: bool,
}

impl Quota {
    /// An `Err` is how long the pause still lasts.
    pub fn ask(&self) -> Result<Permission<'_>, Duration> {
        let mut paused = self.0.lock();
        let Some(pause) = paused.as_mut() else {
            return Ok(Permission { quota: self, is_probe: false });
        };
        let left = pause.until.saturating_duration_since(Instant::now());
        if pause.is_probing || !left.is_zero() {
            return Err(left.max(MOMENT));
        }
        pause.is_probing = true;
        Ok(Permission { quota: self, is_probe: true })
    }
}

impl Permission<'_> {
    /// WeChat said that the quota is used up. Returns how long exchanges pause now.
    pub fn is_used_up(&self) -> Duration {
        let mut paused = self.quota.0.lock();
        let now = Instant::now();
        let length = match paused.as_ref() {
            None => FIRST_PAUSE,
            Some(pause) if self.is_probe => (pause.length * 2).min(LAST_PAUSE),
            // One of those that were under way when the first one heard it.
            Some(pause) => return pause.until.saturating_duration_since(now).max(MOMENT),
        };
        *paused = Some(Pause { length, until: now + length, is_probing: false });
        log::error!("WeChat: the app's quota is used up: logins pause for {} s", length.as_secs());
        length
    }

    /// WeChat answered otherwise.
    pub fn is_not_used_up(&self) {
        if self.is_probe {
            *self.quota.0.lock() = None;
            log::info!("WeChat: the app has quota again: logins go on");
        }
    }
}

impl Drop for Permission<'_> {
    /// A probe that got no answer leaves the question to the next exchange.
    fn drop(&mut self) {
        if self.is_probe
            && let Some(pause) = self.quota.0.lock().as_mut()
        {
            pause.is_probing = false;
        }
    }
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    /// As if the pause were over.
    fn let_pass(quota: &Quota) {
        quota.0.lock().as_mut().expect("exchanges pause").until = Instant::now();
    }

    #[test]
    fn pauses_grow_to_a_minute_and_end_with_the_first_other_answer() {
        let quota = Quota::default();
        let mut lengths = vec![quota.ask().expect("nothing is known").is_used_up().as_secs()];
        for _ in 0..6 {
            assert!(quota.ask().is_err());
            let_pass(&quota);
            let probe = quota.ask().expect("one may find out");
            assert!(quota.ask().is_err(), "one at a time");
            lengths.push(probe.is_used_up().as_secs());
        }
        assert_eq!(lengths, [2, 4, 8, 16, 32, 60, 60]);

        let_pass(&quota);
        drop(quota.ask().expect("a probe without an answer"));
        quota.ask().expect("the next one finds out").is_not_used_up();
        assert_eq!(quota.ask().expect("the pause is over").is_used_up(), FIRST_PAUSE);
    }

    #[test]
    fn many_that_hear_it_at_once_begin_one_pause() {
        let quota = Quota::default();
        let under_way: Vec<_> = (0..9).map(|_| quota.ask().expect("nothing is known")).collect();
        assert!(under_way.iter().all(|permission| permission.is_used_up() <= FIRST_PAUSE));
    }
}
