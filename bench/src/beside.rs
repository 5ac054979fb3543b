//! The mode `beside`: this server beside the usual one of 2019 (`bench/usual`), in turns, on the
//! same database and sandbox WeChat; and whose first taps open.

use std::path::Path;
use std::process::Command;

use actix_rt::System;
use anyhow::{Context as _, Result};
use serde::Serialize;
use wxauth_sandbox::{Sandbox, Simulation};

use crate::arguments::{BesideArguments, duration};
use crate::cell::Cell;
use crate::child::ChildServer;
use crate::load::Load;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::{Rig, directory};
use crate::table::{number, table};
use crate::traffic::Traffic;

/// Where scripts/bench has installed its packages.
const USUAL_VARIABLE: &str = "WXAUTH_BENCH_USUAL";
/// More than one measurement's logins, so that nobody logs in twice in it.
const USERS: u32 = 60_000;
/// What it would have, had the users logged in and authorised there.
const COPY_USERS: &str = "INSERT INTO usual_users (openid, session_key, phone_number)
    SELECT openid, session_key, phone_number FROM sessions JOIN users USING (openid)";
/// Of the simulation, drawn once and for all.
const SEED: u64 = 2019;
/// Users that are on their way at once: few enough to delay nobody.
const CONCURRENCY: usize = 25;

#[derive(Serialize)]
pub struct BesideReport {
    seconds: u64,
    rounds: u16,
    connections: u16,
    rows: Vec<Row>,
    taps: usize,
    first_taps: Sides<usize>,
}

#[derive(Serialize)]
struct Row {
    endpoint: Traffic,
    cells: Sides<Cell>,
}

#[derive(Serialize)]
struct Sides<T> {
    this: T,
    usual: T,
}

pub fn run(arguments: &BesideArguments) -> Result<BesideReport> {
    let mut progress =
        Progress::new(2 * (u64::from(arguments.rounds) * Traffic::ALL.len() as u64 + 1));
    progress.note("starting the servers, inserting users");
    let rig = Rig::start(&arguments.common, USERS, &[])?;
    let usual = start_usual(&rig)?;
    rig.database.execute(COPY_USERS)?;

    let mut rounds = Traffic::ALL.map(|traffic| (traffic, Sides { this: vec![], usual: vec![] }));
    for _ in 0..arguments.rounds {
        for (traffic, measured) in &mut rounds {
            let load = Load {
                connections: usize::from(arguments.connections),
                duration: duration(arguments.seconds),
                requests_per_second: None,
                keeps_connections: true,
            };
            progress.step(&format!("{}: this server", traffic.name()));
            measured.this.push(Cell::of_traffic(&rig, &rig.server, *traffic, load)?);
            progress.step(&format!("{}: the usual one", traffic.name()));
            measured.usual.push(Cell::of_traffic(&rig, &usual, *traffic, load)?);
        }
    }
    let rows = rounds.into_iter().map(|(endpoint, measured)| Row {
        endpoint,
        cells: Sides { this: Cell::median(&measured.this), usual: Cell::median(&measured.usual) },
    });
    let mut first_taps = |name, server: &ChildServer| {
        progress.step(&format!("first taps: {name}"));
        first_taps(&rig.sandbox, name, server, arguments.taps)
    };
    let first_taps =
        Sides { this: first_taps("this", &rig.server)?, usual: first_taps("usual", &usual)? };
    Ok(BesideReport {
        seconds: arguments.seconds,
        rounds: arguments.rounds,
        connections: arguments.connections,
        rows: rows.collect(),
        taps: arguments.taps,
        first_taps,
    })
}

fn start_usual(rig: &Rig) -> Result<ChildServer> {
    let place = std::env::var_os(USUAL_VARIABLE);
    let place =
        place.with_context(|| format!("{USUAL_VARIABLE}: start this with scripts/bench"))?;
    let mut command = Command::new("node");
    command
        .arg(Path::new(&place).join("server.js"))
        .env("NODE_ENV", "production")
        .env("DATABASE_URL", rig.database.url())
        .env("WX_APPID", rig.sandbox.appid())
        .env("WX_SECRET", rig.sandbox.secret())
        .env("WX_API_BASE", rig.sandbox.base_url());
    ChildServer::start("the usual server", &mut command, directory()?.join("usual.log"))
}

/// How many of the simulated users' first taps succeed.
fn first_taps(wechat: &Sandbox, name: &str, server: &ChildServer, users: usize) -> Result<usize> {
    let address = format!("http://{}", server.address());
    let simulation = Simulation {
        seed: SEED,
        users,
        concurrency: CONCURRENCY,
        names: format!("{name}-"),
        servers: [address.clone(), address],
    };
    System::new().block_on(async {
        let (mut taps, mut succeeded) = (wechat.simulate(&simulation), 0);
        while let Some(tap) = taps.recv().await {
            succeeded += usize::from(tap.failure.is_none());
        }
        Ok(succeeded)
    })
}

impl Report for BesideReport {
    fn print(&self) {
        let header =
            ["POST", "server", "req/s", "p50 ms", "p99 ms", "server µs", "db µs", "MiB", "times"];
        let rows = self.rows.iter().flat_map(|Row { endpoint, cells }| {
            let times = cells.this.requests_per_second / cells.usual.requests_per_second;
            [("wxauth", &cells.this, number(times)), ("usual", &cells.usual, String::new())].map(
                |(server, cell, times)| {
                    let mut texts = vec![endpoint.name().to_owned(), server.to_owned()];
                    texts.extend(cell.main_numbers());
                    texts.push(times);
                    texts
                },
            )
        });
        println!("{}", table(&header, 2, rows));
        println!("µs: CPU time of a request, over all processes of a server; MiB: their peaks.");
        println!("{} connections, medians of {} rounds.\n", self.connections, self.rounds);
        let Sides { this, usual } = self.first_taps;
        let percent = |taps: usize| 100.0 * taps as f64 / self.taps.max(1) as f64;
        println!("First taps that succeed, of {} random users:", self.taps);
        println!("  wxauth  {:>6.1} %", percent(this));
        println!("  usual   {:>6.1} %", percent(usual));
    }

    fn complaints(&self) -> Vec<String> {
        let of_rows = self.rows.iter().flat_map(|Row { endpoint, cells }| {
            let usual = cells.usual.complaints(&format!("the usual server: {}", endpoint.name()));
            cells.this.complaints(endpoint.name()).into_iter().chain(usual)
        });
        let lost = self.taps - self.first_taps.this;
        let lost = (lost > 0).then(|| format!("{lost} first taps failed with this server"));
        of_rows.chain(lost).collect()
    }
}
