//! What a cluster of databases does to its writer, under load: nothing that was acknowledged is lost.
//!
//! `scripts/cluster-trial` starts the cluster and its balancer, and runs this; by itself there is
//! nothing to try.

// A test that cannot go on says so by panicking.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]
// The rules of clippy.toml are for the rooms of src.
#![allow(clippy::disallowed_methods)]

#[allow(dead_code, unused_imports, reason = "the contract's tests use the rest")]
#[path = "../contract/harness/mod.rs"]
mod harness;

#[allow(dead_code, reason = "the contract's tests use the rest")]
#[path = "../contract/faults/checker.rs"]
mod checker;
#[allow(dead_code, reason = "the contract's tests use the rest")]
#[path = "../contract/simulation/figures.rs"]
mod figures;
#[allow(dead_code, reason = "the contract's tests use the rest")]
#[path = "../contract/faults/load.rs"]
mod load;

use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::figures::{Figures, SEEDS, percent};
use crate::harness::{Database, Server, World};
use crate::load::{Load, Log};

/// Answers before a fault.
const WARM: usize = 400;
/// How long a fault lasts before it is mended: several times what the slowest cluster needs.
const FAULT: Duration = Duration::from_secs(15);
const SETTLE: Duration = Duration::from_secs(2);
/// Of what should not be, some say enough.
const SHOWN: usize = 10;
/// For a cluster that goes on by itself.
const AFTER: Duration = Duration::from_secs(3);

/// What the script tells: addresses and what can happen to the cluster, comma-separated.
struct Trial {
    servers: Vec<String>,
    faults: Vec<String>,
    /// What doctor says of the node that writes.
    writer: String,
    /// A program that takes the name of a fault, and `break` or `mend`.
    program: String,
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Trial {
    fn read() -> Option<Self> {
        let list = |text: String| text.split(',').map(str::to_owned).collect();
        Some(Self {
            servers: list(variable("WXAUTH_TRIAL_SERVERS")?),
            faults: list(variable("WXAUTH_TRIAL_FAULTS")?),
            writer: variable("WXAUTH_TRIAL_WRITER")?,
            program: variable("WXAUTH_TRIAL_PROGRAM")?,
        })
    }

    /// A world on the cluster, and a process on each address.
    fn serve(&self, variables: &[(&str, &str)]) -> (World, Vec<Server>) {
        let world = World::on(Database::that_dies_with(&self.servers[0]));
        world.run(&["migrate"]).assert_ok();
        let doctor = world.run(&["doctor"]).stdout;
        assert!(doctor.contains(&self.writer), "{doctor}");
        let urls = self.servers.iter().map(|server| format!("{server}/{}", world.database.name()));
        let serve = |url: String| {
            world.server_with(&[variables, &[("DATABASE_URL", url.as_str())]].concat())
        };
        let servers = urls.map(serve).collect();
        (world, servers)
    }

    fn tell(&self, fault: &str, what: &str) {
        let done = Command::new(&self.program).args([fault, what]).status();
        assert!(done.is_ok_and(|status| status.success()), "{} {fault} {what}", self.program);
    }
}

#[test]
fn whatever_happens_to_the_writer_nothing_that_was_acknowledged_is_lost() {
    let Some(trial) = Trial::read() else {
        println!("skipped: scripts/cluster-trial starts a cluster for it");
        return;
    };
    println!("| what | acknowledged | lost or odd | refused | longest gap | refused after it |");
    println!("|---|---|---|---|---|---|");
    let mut wrong = Vec::new();
    for fault in &trial.faults {
        let findings = try_out(&trial, fault);
        wrong.extend(findings.into_iter().map(|finding| format!("{fault}: {finding}")));
    }
    assert!(wrong.is_empty(), "{} findings", wrong.len());
}

/// Users meet what pages and networks do around a tap, and either process on their way.
#[actix_rt::test]
async fn whichever_node_a_process_writes_by_every_first_tap_succeeds() {
    let Some(trial) = Trial::read() else {
        println!("skipped: scripts/cluster-trial starts a cluster for it");
        return;
    };
    if trial.servers[0] == trial.servers[1] {
        println!("skipped: both processes write by the same node");
        return;
    }
    let mut figures = Figures::default();
    for seed in SEEDS {
        // Long, as in the contract's simulation: a slow machine fails nobody.
        let (world, servers) = trial.serve(&[("LOGIN_GRACE_MS", "20000")]);
        let urls = [&servers[0], &servers[1]].map(|server| server.base_url().to_owned());
        figures.add(seed, &world, urls).await;
    }
    println!("| the worst that happened around the tap | first taps | succeeded |\n|---|---|---|");
    for (trouble, taps) in &figures.taps {
        println!("| {} | {} | {} |", trouble.name(), taps.0, percent(*taps));
    }
    println!("| all | {} | {} |", figures.total().0, percent(figures.total()));
    figures.assert_all_succeeded();
}

fn try_out(trial: &Trial, fault: &str) -> Vec<String> {
    let (world, servers) = trial.serve(&[]);
    let load = Load::start_on(&servers.iter().collect::<Vec<_>>(), &world.wechat);
    load.wait_for_acknowledged(WARM);

    let begun = Instant::now();
    if fault == "nothing" {
        sleep(FAULT);
    } else {
        trial.tell(fault, "break");
        sleep(FAULT);
        trial.tell(fault, "mend");
        sleep(AFTER);
    }

    let log = load.end();
    // The balancer may show another node than the one that wrote last, which lags for milliseconds.
    sleep(SETTLE);
    let findings = checker::findings(&log, &world.database);
    let (acknowledged, wrong, refused) = (log.acknowledged.len(), findings.len(), log.refused);
    let Gap { length, refused_after } = Gap::longest(&log, begun);
    println!("| {fault} | {acknowledged} | {wrong} | {refused} | {length:.1?} | {refused_after} |");
    findings.iter().take(SHOWN).for_each(|finding| println!("{fault}: {finding}"));
    findings
}

/// The longest time without a 200.
struct Gap {
    length: Duration,
    refused_after: usize,
}

impl Gap {
    fn longest(log: &Log, begun: Instant) -> Self {
        let good = log.answers.iter().filter(|(_, status)| *status == 200).map(|(at, _)| *at);
        let (mut last, mut length, mut end) = (begun, Duration::ZERO, begun);
        for at in good.filter(|at| *at >= begun) {
            if at - last > length {
                (length, end) = (at - last, at);
            }
            last = at;
        }
        let is_after = |(at, status): &&(Instant, u16)| *status == 503 && *at > end;
        Self { length, refused_after: log.answers.iter().filter(is_after).count() }
    }
}
