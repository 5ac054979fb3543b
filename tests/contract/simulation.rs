//! Many users, each going through a random interleaving of what pages and networks do around a tap.
//!
//! Every case that a server can answer must succeed at the first tap. Beside it, the old design goes
//! through the same. To see both figures:
//! `scripts/test --test contract simulation -- --nocapture`

use std::collections::BTreeMap;

use wxauth_sandbox::{Simulation, Trouble};

use crate::harness::World;

const USERS: usize = 2_000;
const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
/// Users that are on their way at once.
const CONCURRENCY: usize = 200;

/// First taps and how many of them succeeded, by the worst trouble that a user met.
#[derive(Default)]
struct Figures {
    taps: BTreeMap<Trouble, (usize, usize)>,
    failures: Vec<String>,
    refused_logins: usize,
}

impl Figures {
    /// Sends the users of a seed through two servers.
    async fn add(&mut self, seed: u64, world: &World, servers: [String; 2]) {
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

    fn total(&self) -> (usize, usize) {
        self.taps.values().fold((0, 0), |sum, taps| (sum.0 + taps.0, sum.1 + taps.1))
    }
}

fn percent((taps, successes): (usize, usize)) -> String {
    format!("{:.1} %", 100.0 * successes as f64 / taps as f64)
}

#[actix_rt::test]
async fn every_first_tap_that_a_server_can_answer_succeeds() {
    let (mut ours, mut old) = (Figures::default(), Figures::default());
    for seed in SEEDS {
        let world = World::with_rate_limit(None);
        // Long, so that a slow machine fails nobody; nothing waits that long unless it must fail.
        let servers = [(); 2].map(|()| world.server_with(&[("LOGIN_GRACE_MS", "20000")]));
        ours.add(seed, &world, servers.each_ref().map(|server| server.base_url().to_owned())).await;

        let world = World::with_rate_limit(None);
        old.add(seed, &world, [(); 2].map(|()| world.wechat.old_design_url())).await;
    }

    println!("first taps that succeeded, {USERS} users x {} seeds\n", SEEDS.len());
    println!(
        "{:<58} {:>6} {:>9} {:>11}",
        "the worst that happened around the tap", "taps", "wxauth", "old design"
    );
    for (trouble, ours) in &ours.taps {
        let old = old.taps[trouble];
        println!("{:<58} {:>6} {:>9} {:>11}", trouble.name(), ours.0, percent(*ours), percent(old));
    }
    println!(
        "{:<58} {:>6} {:>9} {:>11}",
        "all",
        ours.total().0,
        percent(ours.total()),
        percent(old.total())
    );

    println!(
        "\nposts of a code that brought no login: wxauth {}, old design {}",
        ours.refused_logins, old.refused_logins
    );

    let (taps, successes) = ours.total();
    assert_eq!(taps, USERS * SEEDS.len());
    assert_eq!(successes, taps, "every first tap succeeds: {:#?}", ours.failures);
    assert_eq!(ours.refused_logins, 0, "every code is answered, however often it is posted");
    assert!(old.total().1 < taps, "the simulation is hard enough for the old design to fail");
}
