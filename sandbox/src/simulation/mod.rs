//! Many users, each going through a random interleaving of what pages and networks do around a tap.

mod page;
mod plan;
mod user;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use fastrand::Rng;
use tokio::sync::mpsc;

use self::plan::Plan;
use self::user::User;
use crate::world::World;

pub use self::plan::Trouble;
pub use self::user::FirstTap;

/// What goes through two servers, which may be one.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Each user's plan depends on it and on their number alone.
    pub seed: u64,
    pub users: usize,
    /// Users that are on their way at once.
    pub concurrency: usize,
    /// Begins the users' names, so that those of two simulations are different people.
    pub names: String,
    /// The servers' addresses, up to the endpoint's path.
    pub servers: [String; 2],
}

/// Plays it inside the caller's actix runtime. It ends early if the receiver is dropped.
pub(crate) fn play(world: &Arc<World>, simulation: &Simulation) -> mpsc::Receiver<FirstTap> {
    let (tell, taps) = mpsc::channel(simulation.concurrency.max(1));
    let servers = simulation.servers.each_ref().map(|address| page::Client::new(address));
    let mut rng = Rng::with_seed(simulation.seed);
    let plans: Vec<Plan> = (0..simulation.users).map(|_| Plan::random(&mut rng)).collect();
    let plans = Rc::new(RefCell::new(plans.into_iter().enumerate()));
    for _ in 0..simulation.concurrency {
        let (plans, world, servers) = (Rc::clone(&plans), Arc::clone(world), servers.clone());
        let (tell, seed, names) = (tell.clone(), simulation.seed, simulation.names.clone());
        actix_rt::spawn(async move {
            let next = || plans.borrow_mut().next();
            while let Some((number, plan)) = next() {
                let rng = Rng::with_seed(seed << 32 | number as u64);
                let user = User::new(&names, number, &world, &servers, rng);
                let mut tap = user.live(&plan).await;
                let description = |why| format!("seed {seed}, user {number}: {plan:?}: {why}");
                tap.failure = tap.failure.map(description);
                if tell.send(tap).await.is_err() {
                    return;
                }
            }
        });
    }
    taps
}
