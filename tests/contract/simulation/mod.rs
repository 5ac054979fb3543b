//! Many users, each going through a random interleaving of what pages and networks do around a tap.
//!
//! Every case that a server can answer must succeed at the first tap. Beside it, the old design goes
//! through the same. To see both figures:
//! `scripts/test --test contract simulation -- --nocapture`

mod old_design;
mod plan;
mod user;

use std::collections::BTreeMap;
use std::rc::Rc;

use fastrand::Rng;

use self::old_design::OldDesign;
use self::plan::{Plan, Trouble};
use self::user::User;
use crate::harness::{Client, World};

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
    fn add(&mut self, trouble: Trouble, succeeded: bool) {
        let (taps, successes) = self.taps.entry(trouble).or_default();
        *taps += 1;
        *successes += usize::from(succeeded);
    }

    fn merge(&mut self, other: Self) {
        self.failures.extend(other.failures);
        self.refused_logins += other.refused_logins;
        for (trouble, (taps, successes)) in other.taps {
            let sum = self.taps.entry(trouble).or_default();
            *sum = (sum.0 + taps, sum.1 + successes);
        }
    }

    fn total(&self) -> (usize, usize) {
        self.taps.values().fold((0, 0), |sum, taps| (sum.0 + taps.0, sum.1 + taps.1))
    }
}

fn percent((taps, successes): (usize, usize)) -> String {
    format!("{:.1} %", 100.0 * successes as f64 / taps as f64)
}

/// Sends the users of a seed through two servers; each user's plan depends on the seed alone.
async fn simulate(seed: u64, world: &World, servers: [Client; 2]) -> Figures {
    let mut rng = Rng::with_seed(seed);
    let plans: Vec<Plan> = (0..USERS).map(|_| Plan::random(&mut rng)).collect();
    let plans = Rc::new(std::cell::RefCell::new(plans.into_iter().enumerate()));
    let travellers: Vec<_> = (0..CONCURRENCY)
        .map(|_| {
            let (plans, wechat, servers) =
                (Rc::clone(&plans), world.wechat.clone(), servers.clone());
            actix_rt::spawn(async move {
                let mut figures = Figures::default();
                loop {
                    let Some((number, plan)) = plans.borrow_mut().next() else {
                        return figures;
                    };
                    let trouble = plan.trouble();
                    let description = format!("seed {seed}, user {number}: {plan:?}");
                    let rng = Rng::with_seed(seed << 32 | number as u64);
                    let user = User::new(number, &wechat, &servers, rng);
                    let refused_logins = user.refused_logins();
                    let tapped = user.live(plan).await;
                    figures.refused_logins += refused_logins.get();
                    figures.add(trouble, tapped.is_ok());
                    figures
                        .failures
                        .extend(tapped.err().map(|error| format!("{description}: {error}")));
                }
            })
        })
        .collect();
    let mut figures = Figures::default();
    for traveller in travellers {
        figures.merge(traveller.await.expect("no user panics"));
    }
    figures
}

#[actix_rt::test]
async fn every_first_tap_that_a_server_can_answer_succeeds() {
    let (mut ours, mut old) = (Figures::default(), Figures::default());
    for seed in SEEDS {
        let world = World::with_rate_limit(None);
        // Long, so that a slow machine fails nobody; nothing waits that long unless it must fail.
        let servers = [(); 2].map(|()| world.server_with(&[("LOGIN_GRACE_MS", "20000")]));
        ours.merge(simulate(seed, &world, [servers[0].client(), servers[1].client()]).await);

        let world = World::with_rate_limit(None);
        let servers = [OldDesign::start(&world), OldDesign::start(&world)];
        old.merge(simulate(seed, &world, [servers[0].client(), servers[1].client()]).await);
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
