//! How far long work is, on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const TICK: Duration = Duration::from_millis(200);
const BAR: &str = "{bar:30} {percent:>3} %  {msg}  ({elapsed}, {eta} left)";
const SPINNER: &str = "{spinner} {msg}  ({elapsed})";

/// Removed from the terminal when dropped.
pub struct Progress {
    /// `None` where there is no terminal.
    bar: Option<ProgressBar>,
    items_a_line: u64,
    next_line: u64,
}

impl Progress {
    /// `length` in whatever unit the position will have, if it is known. Elsewhere than on a
    /// terminal there is a line every `items_a_line` items.
    pub fn new(length: Option<u64>, items_a_line: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let (bar, template) = match length {
                Some(length) => (ProgressBar::new(length), BAR),
                None => (ProgressBar::new_spinner(), SPINNER),
            };
            let style = ProgressStyle::with_template(template);
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(TICK);
            bar
        });
        Self { bar, items_a_line, next_line: items_a_line }
    }

    /// Tells where the work is, how many items are done, and the same in words.
    pub fn report(&mut self, position: u64, items: u64, words: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(position);
                bar.set_message(words());
            }
            None if items >= self.next_line => {
                self.next_line = items - items % self.items_a_line + self.items_a_line;
                // Nobody may be there to read it, which stops no work.
                let _ = writeln!(stderr(), "{}", words());
            }
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
