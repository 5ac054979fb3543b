//! The mode `compare`: this server beside another one, on one database, in turns.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use crate::arguments::{CompareArguments, duration};
use crate::cell::Cell;
use crate::child::ChildServer;
use crate::load::Load;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::Rig;
use crate::statistics::median;
use crate::table::{number, table};
use crate::traffic::Traffic;

/// More than one measurement's logins, so that nobody logs in twice in it.
const USERS: u32 = 60_000;
/// Of the most that the other server answers: below what makes requests wait for each other.
const LOAD: f64 = 0.8;

#[derive(Serialize)]
pub struct CompareReport {
    seconds: u64,
    rounds: u16,
    rows: Vec<Row>,
}

/// One endpoint over one number of connections. Ratios are medians of the rounds', this server's
/// to the other's.
#[derive(Serialize)]
struct Row {
    endpoint: Traffic,
    connections: u16,
    this: Cell,
    other: Cell,
    p50_ratio: f64,
    p99_ratio: f64,
    server_cpu_ratio: f64,
}

struct Round {
    this: Cell,
    other: Cell,
}

pub fn run(arguments: &CompareArguments) -> Result<CompareReport> {
    let connections: BTreeSet<u16> = arguments.connections.iter().copied().collect();
    let kinds: Vec<(Traffic, u16)> = Traffic::ALL
        .into_iter()
        .flat_map(|traffic| connections.iter().map(move |count| (traffic, *count)))
        .collect();
    let steps = kinds.len() as u64 * (1 + 2 * u64::from(arguments.rounds));
    let mut progress = Progress::new(steps);
    progress.note("starting the servers, inserting users");
    let rig = Rig::start(&arguments.common, USERS, &[])?;
    let other = rig.start_other(&arguments.other, &arguments.common)?;

    let mut rows = Vec::new();
    for (traffic, connections) in kinds {
        let place = format!("{} over {connections} connections", traffic.name());
        progress.step(&format!("{place}: how much the other server answers"));
        let mut load = Load {
            connections: usize::from(connections),
            duration: duration(arguments.seconds),
            requests_per_second: None,
            keeps_connections: true,
        };
        let most = Cell::of_traffic(&rig, &other, traffic, load)?.requests_per_second;
        load.requests_per_second = (connections > 1).then_some(most * LOAD);

        let mut measure = |name, server: &ChildServer| {
            progress.step(&format!("{place}: {name}"));
            Cell::of_traffic(&rig, server, traffic, load)
        };
        let mut rounds = Vec::new();
        for number in 0..arguments.rounds {
            // In turns, so that neither always comes first.
            rounds.push(if number % 2 == 0 {
                let this = measure("this server", &rig.server)?;
                Round { this, other: measure("the other", &other)? }
            } else {
                let other = measure("the other", &other)?;
                Round { this: measure("this server", &rig.server)?, other }
            });
        }
        rows.push(Row::of(traffic, connections, &rounds));
    }
    Ok(CompareReport { seconds: arguments.seconds, rounds: arguments.rounds, rows })
}

impl Row {
    fn of(endpoint: Traffic, connections: u16, rounds: &[Round]) -> Self {
        let ratio = |of: fn(&Cell) -> f64| {
            median(rounds.iter().map(|round| of(&round.this) / of(&round.other)))
        };
        Self {
            endpoint,
            connections,
            this: Cell::median(rounds.iter().map(|round| &round.this)),
            other: Cell::median(rounds.iter().map(|round| &round.other)),
            p50_ratio: ratio(|cell| cell.p50_ms),
            p99_ratio: ratio(|cell| cell.p99_ms),
            server_cpu_ratio: ratio(|cell| cell.server_cpu_us),
        }
    }
}

impl Report for CompareReport {
    fn print(&self) {
        let header =
            ["POST", "conn", "server", "req/s", "p50 ms", "p99 ms", "server µs", "db µs", "MiB"];
        let rows = self.rows.iter().flat_map(|row| {
            [("this", &row.this), ("other", &row.other)].map(|(server, cell)| {
                let mut texts = vec![row.endpoint.name().to_owned(), row.connections.to_string()];
                texts.push(server.to_owned());
                texts.extend(cell.main_numbers());
                texts
            })
        });
        println!("{}", table(&header, 3, rows));
        println!("µs: CPU time of a request; MiB: the server's peak. Over one connection as many");
        println!("requests as are answered, else the same rate for both.\n");

        let header = ["This to the other", "conn", "p50", "p99", "server CPU"];
        let ratios = self.rows.iter().map(|row| {
            let ratios = [row.p50_ratio, row.p99_ratio, row.server_cpu_ratio].map(number);
            let place = [row.endpoint.name().to_owned(), row.connections.to_string()];
            place.into_iter().chain(ratios).collect()
        });
        println!("{}", table(&header, 2, ratios));
        println!("Medians of {} rounds.", self.rounds);
    }

    fn complaints(&self) -> Vec<String> {
        let of_row = |row: &Row| {
            let place = format!("{} over {} connections", row.endpoint.name(), row.connections);
            let this = row.this.complaints(&place);
            let other = row.other.complaints(&format!("the other server: {place}"));
            this.into_iter().chain(other)
        };
        self.rows.iter().flat_map(of_row).collect()
    }
}
