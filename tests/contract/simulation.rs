//! Many users, each going through a random interleaving of what pages and networks do around a tap.
//!
//! Every case that a server can answer must succeed at the first tap. Beside it, the old design goes
//! through the same. To see both figures:
//! `scripts/test --test contract simulation -- --nocapture`

mod figures;

use self::figures::{Figures, SEEDS, USERS, percent};
use crate::harness::World;

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

    ours.assert_all_succeeded();
    let (taps, _) = ours.total();
    assert!(old.total().1 < taps, "the simulation is hard enough for the old design to fail");
}
