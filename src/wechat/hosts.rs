//! Which of WeChat's hosts is asked: the first in the order of preference that is not left out.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::config::ApiHost;

/// How long a host that failed is left out, and how long one exchange may take to find out whether
/// it serves again.
const LEFT_OUT: Duration = Duration::from_secs(30);

/// Shared by all threads. Hosts go by their place in the order of preference.
pub struct Hosts {
    names: Vec<String>,
    /// Until when each is left out, if it is.
    left_out: Mutex<Vec<Option<Instant>>>,
}

impl Hosts {
    pub fn new(hosts: &[ApiHost]) -> Self {
        let names = hosts.iter().map(ToString::to_string).collect();
        Self { names, left_out: Mutex::new(vec![None; hosts.len()]) }
    }

    /// Where all are left out, it is the first.
    pub fn choose(&self) -> usize {
        let now = Instant::now();
        let mut left_out = self.left_out.lock();
        for (place, until) in left_out.iter_mut().enumerate() {
            match until {
                None => return place,
                // The others go on leaving it out until this one knows.
                Some(over) if *over <= now => {
                    *over = now + LEFT_OUT;
                    return place;
                }
                Some(_) => {}
            }
        }
        0
    }

    /// Returns whether that is news. One that is alone is never left out.
    pub fn failed(&self, place: usize, cause: &str) -> bool {
        let mut left_out = self.left_out.lock();
        let is_alone = left_out.len() < 2;
        let Some(until) = left_out.get_mut(place).filter(|_| !is_alone) else {
            return false;
        };
        let is_news = until.replace(Instant::now() + LEFT_OUT).is_none();
        drop(left_out);
        if is_news {
            let (name, seconds) = (self.name(place), LEFT_OUT.as_secs());
            log::warn!("WeChat's host {name} is left out for {seconds} s and longer: {cause}");
        }
        is_news
    }

    /// Returns whether that is news.
    pub fn served(&self, place: usize) -> bool {
        let is_news =
            self.left_out.lock().get_mut(place).is_some_and(|until| until.take().is_some());
        if is_news {
            log::info!("WeChat's host {} serves again", self.name(place));
        }
        is_news
    }

    fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }
}
