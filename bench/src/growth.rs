//! The mode `growth`: what a request costs as the database grows.

use std::collections::BTreeSet;

use anyhow::Result;
use serde::Serialize;

use crate::arguments::{GrowthArguments, MEASURED_USERS, duration};
use crate::cell::Cell;
use crate::crowd::Crowd;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::Rig;
use crate::table::{number, table};
use crate::traffic::Traffic;

/// What a user with several keys has, in a database of this many users.
const MANY_KEYS: Stage = Stage { users: 1_000_000, keys_a_user: 5 };

#[derive(Serialize)]
pub struct GrowthReport {
    connections: u16,
    seconds: u64,
    rounds: u16,
    rows: Vec<Row>,
}

/// How much is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Stage {
    users: u32,
    keys_a_user: u32,
}

/// One endpoint at one stage.
#[derive(Serialize)]
struct Row {
    #[serde(flatten)]
    stage: Stage,
    tables_mib: f64,
    endpoint: Traffic,
    #[serde(flatten)]
    cell: Cell,
    /// CPU time of server and database, to that at the first stage.
    cost_ratio: f64,
}

pub fn run(arguments: &GrowthArguments) -> Result<GrowthReport> {
    let one_key = arguments.users.iter().map(|users| Stage { users: *users, keys_a_user: 1 });
    let mut stages: BTreeSet<Stage> = one_key.collect();
    if stages.last().is_some_and(|largest| largest.users >= MANY_KEYS.users) {
        stages.insert(MANY_KEYS);
    }
    let measurements = u64::from(arguments.rounds + 1) * Traffic::ALL.len() as u64;
    let steps = stages.iter().map(|stage| stage.crowd().steps() + 1 + measurements).sum();
    let mut progress = Progress::new(steps);
    let mut rows: Vec<Row> = Vec::new();
    for stage in stages {
        let measured = stage.measure(arguments, &mut progress)?;
        for (endpoint, cell) in Traffic::ALL.into_iter().zip(measured.cells) {
            let first = rows.iter().find(|row| row.endpoint == endpoint);
            let cost_ratio = cost(&cell) / first.map_or(cost(&cell), |row| cost(&row.cell));
            let tables_mib = measured.tables_mib;
            rows.push(Row { stage, tables_mib, endpoint, cell, cost_ratio });
        }
    }
    Ok(GrowthReport {
        connections: arguments.connections,
        seconds: arguments.seconds,
        rounds: arguments.rounds,
        rows,
    })
}

fn cost(cell: &Cell) -> f64 {
    cell.server_cpu_us + cell.database_cpu_us
}

/// In the order of [`Traffic::ALL`].
struct MeasuredStage {
    cells: Vec<Cell>,
    tables_mib: f64,
}

impl Stage {
    fn crowd(self) -> Crowd {
        Crowd { users: self.users - MEASURED_USERS, keys_a_user: self.keys_a_user }
    }

    /// On a server and a database of its own.
    fn measure(
        self,
        arguments: &GrowthArguments,
        progress: &mut Progress,
    ) -> Result<MeasuredStage> {
        let rig = Rig::start(&arguments.common, MEASURED_USERS, &[])?;
        let filling = format!("storing {} users, {} keys each", self.users, self.keys_a_user);
        self.crowd().join(MEASURED_USERS, &rig.database, || progress.step(&filling))?;
        progress.step("waiting until all that was stored is on the disk");
        rig.database.settle()?;
        let mut rounds = Traffic::ALL.map(|_| Vec::new());
        for round in 0..=arguments.rounds {
            for (traffic, cells) in Traffic::ALL.into_iter().zip(&mut rounds) {
                progress.step(&format!("{} with {} users", traffic.name(), self.users));
                let connections = usize::from(arguments.connections);
                let duration = duration(arguments.seconds);
                let cell = Cell::measure(&rig, traffic, connections, duration)?;
                // The first brings the users' pages into memory.
                if round > 0 {
                    cells.push(cell);
                }
            }
        }
        Ok(MeasuredStage {
            cells: rounds.iter().map(Cell::median).collect(),
            tables_mib: rig.database.tables_mib()?,
        })
    }
}

impl Report for GrowthReport {
    fn print(&self) {
        let header = [
            "POST",
            "users",
            "keys",
            "tables MiB",
            "req/s",
            "p50 ms",
            "p99 ms",
            "server µs",
            "db µs",
            "cost",
            "MiB",
        ];
        let rows = self.rows.iter().map(|row| {
            let cell = &row.cell;
            let mut texts = vec![
                row.endpoint.name().to_owned(),
                row.stage.users.to_string(),
                row.stage.keys_a_user.to_string(),
            ];
            let numbers = [
                row.tables_mib,
                cell.requests_per_second,
                cell.p50_ms,
                cell.p99_ms,
                cell.server_cpu_us,
                cell.database_cpu_us,
                row.cost_ratio,
                cell.peak_memory_mib,
            ];
            texts.extend(numbers.map(number));
            texts
        });
        println!("{}", table(&header, 1, rows));
        println!("µs: CPU time of a request; cost: server's and database's, to that of the first.");
        println!(
            "MiB: the server's peak. {} connections, medians of {} rounds.",
            self.connections, self.rounds
        );
    }

    fn complaints(&self) -> Vec<String> {
        let of_row = |row: &Row| {
            let place = format!("{} with {} users", row.endpoint.name(), row.stage.users);
            row.cell.complaints(&place)
        };
        self.rows.iter().flat_map(of_row).collect()
    }
}
