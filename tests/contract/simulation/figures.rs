//! First taps of many users, and how many of them succeeded.

use std::collections::BTreeMap;

use wxauth_sandbox::{Simulation, Trouble};

use crate::harness::World;

pub const USERS: usize = 2_000;
pub const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
/// Users that are on their way at once.
const CONCURRENCY: usize = 200;

/// First taps and how many of them succeeded, by the worst trouble that a user met.
#[derive(Default)]
pub struct Figures {
    pub taps: BTreeMap<Trouble, (usize, usize)>,
    failures: Vec<String>,
    pub refused_logins: usize,
}

impl Figures {
    /// Sends the users of a seed through two servers.
    pub async fn add(&mut self, seed: u64, world: &World, servers: [String; 2]) {
        let names = "user".to_owned();
        let (users, concurrency) = (USERS, CONCURRENCY);
        let simulation = Simulation { seed, users, concurrency, names, servers };
        let mut first_taps = world.wechat.simulate(&simulation);
        while let Some(tap) = first_taps.recv().await {
            let (taps, successes) = self.taps.entry(tap.trouble).or_default();
            *taps += 1;
            *successes += usize::from(tap.failure.is_none());
            self.failures.extend(tap.failure);
            self.refused_logins += tap.refused_logins;
        }
    }

    pub fn total(&self) -> (usize, usize) {
        self.taps.values().fold((0, 0), |sum, taps| (sum.0 + taps.0, sum.1 + taps.1))
    }

    #[track_caller]
    pub fn assert_all_succeeded(&self) {
        let (taps, successes) = self.total();
        assert_eq!(taps, USERS * SEEDS.len());
        assert_eq!(successes, taps, "every first tap succeeds: {:#?}", self.failures);
        assert_eq!(self.refused_logins, 0, "every code is answered, however often it is posted");
    }
}

pub fn percent((taps, successes): (usize, usize)) -> String {
    format!("{:.1} %", 100.0 * successes as f64 / taps as f64)
}
