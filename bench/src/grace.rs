//! The mode `grace`: what requests that wait for a late login cost the others.

use anyhow::Result;
use serde::Serialize;

use crate::arguments::{GraceArguments, duration};
use crate::cell::Cell;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::Rig;
use crate::statistics::{median, quantile, sorted};
use crate::table::{number, table};
use crate::traffic::Traffic;
use crate::waiters::Waiters;

/// The longest that the server takes; two measurements must fit into it.
const GRACE_MS: u32 = 30_000;
/// More than one measurement's logins, so that nobody logs in twice in it.
const USERS: u32 = 20_000;

#[derive(Serialize)]
pub struct GraceReport {
    waiters: u16,
    connections: u16,
    seconds: u64,
    rounds: u16,
    rows: Vec<Row>,
    /// Until the server let go of the waiters that had hung up.
    hang_up_ms: f64,
    /// Waiters that were answered before they hung up.
    answered_early: usize,
}

/// Medians of one endpoint.
#[derive(Serialize)]
struct Row {
    endpoint: Traffic,
    without_waiters: Cell,
    with_waiters: Cell,
    /// Throughput with waiters to that without, in each round, in ascending order.
    throughput_ratios: Vec<f64>,
    throughput_ratio: f64,
}

struct Cells {
    phone: Cell,
    login: Cell,
}

#[derive(Default)]
struct Rounds {
    without_waiters: Vec<Cells>,
    with_waiters: Vec<Cells>,
    hang_up_ms: Vec<f64>,
    answered_early: usize,
}

pub fn run(arguments: &GraceArguments) -> Result<GraceReport> {
    let mut progress = Progress::new(u64::from(arguments.rounds) * 2);
    progress.note("starting the server, inserting users");
    let grace = ("LOGIN_GRACE_MS", GRACE_MS.to_string());
    let rig = Rig::start(&arguments.common, USERS, &[grace])?;
    let waiting_users = rig.create_users("waiter", u32::from(arguments.waiters))?;

    let mut rounds = Rounds::default();
    for _ in 0..arguments.rounds {
        progress.step("nobody waits");
        rounds.without_waiters.push(measure(&rig, arguments)?);

        progress.step(&format!("{} requests wait", arguments.waiters));
        let mut waiters = Waiters::send(&rig, &waiting_users)?;
        rounds.with_waiters.push(measure(&rig, arguments)?);
        rounds.answered_early += waiting_users.len() - waiters.count_waiting();
        rounds.hang_up_ms.push(waiters.hang_up()?.as_secs_f64() * 1_000.0);
    }
    Ok(rounds.into_report(arguments))
}

fn measure(rig: &Rig, arguments: &GraceArguments) -> Result<Cells> {
    let measure = |traffic| {
        let connections = usize::from(arguments.connections);
        Cell::measure(rig, traffic, connections, duration(arguments.seconds))
    };
    Ok(Cells { phone: measure(Traffic::Phone)?, login: measure(Traffic::Login)? })
}

impl Rounds {
    fn into_report(self, arguments: &GraceArguments) -> GraceReport {
        GraceReport {
            waiters: arguments.waiters,
            connections: arguments.connections,
            seconds: arguments.seconds,
            rounds: arguments.rounds,
            rows: vec![
                self.row(Traffic::Phone, |cells| &cells.phone),
                self.row(Traffic::Login, |cells| &cells.login),
            ],
            hang_up_ms: median(self.hang_up_ms.into_iter()),
            answered_early: self.answered_early,
        }
    }

    fn row(&self, endpoint: Traffic, of: fn(&Cells) -> &Cell) -> Row {
        let (without, with) =
            (self.without_waiters.iter().map(of), self.with_waiters.iter().map(of));
        let rates = without.clone().zip(with.clone());
        let ratios =
            rates.map(|(without, with)| with.requests_per_second / without.requests_per_second);
        let throughput_ratios = sorted(ratios);
        Row {
            endpoint,
            without_waiters: Cell::median(without),
            with_waiters: Cell::median(with),
            throughput_ratio: median(throughput_ratios.iter().copied()),
            throughput_ratios,
        }
    }
}

impl Report for GraceReport {
    fn print(&self) {
        let header =
            ["POST", "waiting", "req/s", "p50 ms", "p99 ms", "server µs", "db µs", "peak MiB"];
        let rows = self.rows.iter().flat_map(|row| {
            let with = (self.waiters, &row.with_waiters);
            [(0, &row.without_waiters), with].map(|(waiting, cell)| {
                let mut cells = vec![row.endpoint.name().to_owned(), waiting.to_string()];
                cells.extend(cell.main_numbers());
                cells
            })
        });
        println!("{}", table(&header, 1, rows));
        let (connections, rounds) = (self.connections, self.rounds);
        println!(
            "Medians of {rounds} rounds over {connections} connections; µs: CPU time of a request.\n"
        );
        println!("Throughput with {} waiting to that with nobody waiting:", self.waiters);
        for row in &self.rows {
            let ratios = &row.throughput_ratios;
            let (path, ratio) = (row.endpoint.name(), number(row.throughput_ratio));
            let [least, most] = [0.0, 1.0].map(|part| number(quantile(ratios, part)));
            println!("  {path:16} {ratio} (rounds: {least} to {most})");
        }
        println!(
            "The server let go of waiters that hung up within {} ms.",
            number(self.hang_up_ms)
        );
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for row in &self.rows {
            let path = row.endpoint.name();
            complaints.extend(row.without_waiters.complaints(&format!("{path} without waiters")));
            complaints.extend(row.with_waiters.complaints(&format!("{path} with waiters")));
        }
        if self.answered_early > 0 {
            complaints.push(format!("{} waiters were answered early", self.answered_early));
        }
        complaints
    }
}
