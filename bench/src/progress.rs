//! What is being done, on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);
const TEMPLATE: &str = "{bar:30} {pos}/{len} {msg} ({elapsed}, {eta} left)";

/// Removed from the terminal when dropped.
pub struct Progress {
    /// `None` where there is no terminal.
    bar: Option<ProgressBar>,
    steps: u64,
    done: u64,
}

impl Progress {
    pub fn new(steps: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(steps);
            bar.set_style(
                ProgressStyle::with_template(TEMPLATE)
                    .unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, steps, done: 0 }
    }

    /// What happens before the first step.
    pub fn note(&self, what: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(what.to_owned()),
            None => eprintln!("{what}"),
        }
    }

    /// The step before this one is done.
    pub fn step(&mut self, what: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(self.done);
                bar.set_message(what.to_owned());
            }
            None => eprintln!("[{}/{}] {what}", self.done + 1, self.steps),
        }
        self.done += 1;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
