//! The mode `endpoints`: each endpoint over several numbers of connections, beside what the
//! database and a bare handler do by themselves.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::arguments::{EndpointsArguments, duration};
use crate::bare;
use crate::cell::Cell;
use crate::disk;
use crate::plot::{self, Chart, Line};
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::{Rig, directory};
use crate::slap::{self, Slap, Statement};
use crate::statistics::median;
use crate::table::{number, table};
use crate::traffic::Traffic;

const BARE: &str = "bare handler";
/// What the ratios compare; the database's own rate is measured with as many clients.
const COMPARED_CONNECTIONS: u16 = slap::CLIENTS as u16;

/// Not with newer data: it would have to be encrypted while it is sent.
const BY_WRK: [Traffic; 3] = [Traffic::Phone, Traffic::Login, Traffic::User];

#[derive(Serialize)]
pub struct EndpointsReport {
    seconds: u64,
    rounds: u16,
    rows: Vec<Row>,
    bare: Cell,
    by_wrk: Vec<ByWrk>,
    select_per_second: f64,
    key_select_per_second: f64,
    upsert_per_second: f64,
    sync_ms: f64,
    ratios: Vec<Ratio>,
}

/// One endpoint over one number of connections.
#[derive(Serialize)]
struct Row {
    endpoint: Traffic,
    connections: u16,
    #[serde(flatten)]
    cell: Cell,
}

/// The same load by another generator, over [`COMPARED_CONNECTIONS`].
#[derive(Serialize)]
struct ByWrk {
    name: String,
    #[serde(flatten)]
    cell: Cell,
}

#[derive(Serialize)]
struct Ratio {
    name: &'static str,
    value: f64,
}

/// Every round's values, in the order of the cells.
#[derive(Default)]
struct Rounds {
    cells: Vec<Vec<Cell>>,
    bare: Vec<Cell>,
    /// Each of [`BY_WRK`], then the bare handler.
    by_wrk: Vec<Vec<Cell>>,
    selects: Vec<f64>,
    key_selects: Vec<f64>,
    upserts: Vec<f64>,
    syncs_ms: Vec<f64>,
}

pub fn run(arguments: &EndpointsArguments) -> Result<EndpointsReport> {
    let connections: BTreeSet<u16> = arguments.connections.iter().copied().collect();
    let cells: Vec<(Traffic, u16)> = Traffic::ALL
        .into_iter()
        .flat_map(|traffic| connections.iter().map(move |count| (traffic, *count)))
        .collect();
    let by_wrk = if arguments.wrk { BY_WRK.len() + 1 } else { 0 };
    let steps = (cells.len() + by_wrk + 5) as u64;
    let mut progress = Progress::new(u64::from(arguments.rounds) * steps);
    progress.note("starting the server, inserting users");
    let rig = Rig::start(&arguments.common, arguments.users, &[])?;
    let slap = Slap::prepare(&rig)?;
    let duration = duration(arguments.seconds);

    let mut rounds = Rounds { cells: vec![Vec::new(); cells.len()], ..Rounds::default() };
    for _ in 0..arguments.rounds {
        for ((traffic, connections), measured) in cells.iter().zip(&mut rounds.cells) {
            progress.step(&format!("{} over {connections} connections", traffic.name()));
            measured.push(Cell::measure(&rig, *traffic, usize::from(*connections), duration)?);
        }
        progress.step("the database alone: SELECT");
        rounds.selects.push(slap.rate(Statement::Select, duration)?);
        progress.step("the database alone: SELECT of keys");
        rounds.key_selects.push(slap.rate(Statement::KeySelect, duration)?);
        progress.step("the database alone: upsert");
        rounds.upserts.push(slap.rate(Statement::Upsert, duration)?);
        progress.step("the disk");
        rounds.syncs_ms.push(disk::sync_ms(&directory()?)?);
        progress.step("a bare handler");
        rounds.bare.push(bare::measure(&rig, usize::from(COMPARED_CONNECTIONS), duration)?);
        if arguments.wrk {
            rounds.by_wrk.push(measure_by_wrk(&rig, duration, |name| progress.step(name))?);
        }
    }
    drop(progress);

    let report = rounds.into_report(arguments, &cells);
    if let Some(file) = &arguments.plot {
        fs::write(file, plot::svg(&[report.chart()])?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(report)
}

fn measure_by_wrk(rig: &Rig, duration: Duration, mut step: impl FnMut(&str)) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for traffic in BY_WRK {
        step(&format!("{} by wrk", traffic.name()));
        cells.push(Cell::measure_by_wrk(
            rig,
            &rig.server,
            traffic,
            COMPARED_CONNECTIONS,
            duration,
        )?);
    }
    step("a bare handler by wrk");
    let bare = bare::start()?;
    cells.push(Cell::measure_by_wrk(rig, &bare, Traffic::Phone, COMPARED_CONNECTIONS, duration)?);
    Ok(cells)
}

impl Rounds {
    fn into_report(
        self,
        arguments: &EndpointsArguments,
        cells: &[(Traffic, u16)],
    ) -> EndpointsReport {
        let rows = cells.iter().zip(&self.cells).map(|((endpoint, connections), measured)| Row {
            endpoint: *endpoint,
            connections: *connections,
            cell: Cell::median(measured),
        });
        let mut report = EndpointsReport {
            seconds: arguments.seconds,
            rounds: arguments.rounds,
            rows: rows.collect(),
            bare: Cell::median(&self.bare),
            by_wrk: self.by_wrk(),
            select_per_second: median(self.selects.into_iter()),
            key_select_per_second: median(self.key_selects.into_iter()),
            upsert_per_second: median(self.upserts.into_iter()),
            sync_ms: median(self.syncs_ms.into_iter()),
            ratios: Vec::new(),
        };
        report.ratios = report.ratios();
        report
    }

    fn by_wrk(&self) -> Vec<ByWrk> {
        let names = BY_WRK.into_iter().map(Traffic::name).chain([BARE]);
        let cells = |index| self.by_wrk.iter().filter_map(move |round| round.get(index));
        let measured = names.enumerate().filter(|_| !self.by_wrk.is_empty());
        let by_wrk = |(index, name)| ByWrk {
            name: format!("{name}, by wrk"),
            cell: Cell::median(&cells(index).cloned().collect::<Vec<_>>()),
        };
        measured.map(by_wrk).collect()
    }
}

impl EndpointsReport {
    fn chart(&self) -> Chart {
        let line = |endpoint: Traffic| {
            let rows = self.rows.iter().filter(|row| row.endpoint == endpoint);
            let point = |row: &Row| (f64::from(row.connections), row.cell.requests_per_second);
            Line { name: endpoint.name(), points: rows.map(point).collect() }
        };
        Chart {
            caption: "requests/s",
            x: "connections",
            x_is_logarithmic: true,
            lines: Traffic::ALL.into_iter().map(line).collect(),
        }
    }

    /// None of an endpoint that was not measured with the compared number of connections.
    fn ratios(&self) -> Vec<Ratio> {
        let cell = |endpoint: Traffic| {
            let is_compared =
                |row: &&Row| row.endpoint == endpoint && row.connections == COMPARED_CONNECTIONS;
            self.rows.iter().find(is_compared).map(|row| &row.cell)
        };
        let ratio = |name, endpoint, of: fn(&Cell) -> f64, to: f64| {
            cell(endpoint).map(|cell| Ratio { name, value: of(cell) / to })
        };
        let rate = |cell: &Cell| cell.requests_per_second;
        let cpu = |cell: &Cell| cell.server_cpu_us;
        let bare_cpu = self.bare.server_cpu_us;
        [
            ratio("phone / SELECT rate", Traffic::Phone, rate, self.select_per_second),
            ratio("phone / key SELECT rate", Traffic::Phone, rate, self.key_select_per_second),
            ratio("login / upsert rate", Traffic::Login, rate, self.upsert_per_second),
            ratio("phone / bare server CPU", Traffic::Phone, cpu, bare_cpu),
            ratio("login / bare server CPU", Traffic::Login, cpu, bare_cpu),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Report for EndpointsReport {
    fn print(&self) {
        let header = [
            "POST",
            "conn",
            "req/s",
            "p50 ms",
            "p99 ms",
            "p99.9 ms",
            "server µs",
            "db µs",
            "bench µs",
            "MiB",
            "req/fsync",
        ];
        let bare = (BARE, COMPARED_CONNECTIONS, &self.bare);
        let by_wrk = self.by_wrk.iter();
        let by_wrk = by_wrk.map(|by| (by.name.as_str(), COMPARED_CONNECTIONS, &by.cell));
        let rows = self.rows.iter().map(|row| (row.endpoint.name(), row.connections, &row.cell));
        let rows = rows.chain([bare]).chain(by_wrk).map(|(name, connections, cell)| {
            let mut row = vec![name.to_owned(), connections.to_string()];
            row.extend(cell_numbers(cell));
            row
        });
        println!("{}", table(&header, 1, rows));
        println!("µs: CPU time of a request; the bench's own holds the sandbox WeChat's too.");
        println!(
            "MiB: the server's peak. req/fsync: requests for each time that the database waited"
        );
        println!(
            "for the disk, which takes {} ms for 512 B. Medians of {} rounds.\n",
            number(self.sync_ms),
            self.rounds
        );

        let clients = slap::CLIENTS;
        println!("The database alone (mariadb-slap, {clients} clients), statements/s:");
        println!("  key ring SELECT  {:>8}", number(self.select_per_second));
        println!("  key SELECT       {:>8}", number(self.key_select_per_second));
        println!("  session upsert   {:>8}\n", number(self.upsert_per_second));
        println!("Ratios, with {COMPARED_CONNECTIONS} connections:");
        for Ratio { name, value } in &self.ratios {
            println!("  {name:24} {:>8}", number(*value));
        }
    }

    fn complaints(&self) -> Vec<String> {
        let of_rows = self.rows.iter().flat_map(|row| {
            let place = format!("{} over {} connections", row.endpoint.name(), row.connections);
            row.cell.complaints(&place)
        });
        let by_wrk = self.by_wrk.iter().flat_map(|by| by.cell.complaints(&by.name));
        of_rows.chain(self.bare.complaints(BARE)).chain(by_wrk).collect()
    }
}

fn cell_numbers(cell: &Cell) -> Vec<String> {
    [
        cell.requests_per_second,
        cell.p50_ms,
        cell.p99_ms,
        cell.p999_ms,
        cell.server_cpu_us,
        cell.database_cpu_us,
        cell.bench_cpu_us,
        cell.peak_memory_mib,
        cell.requests_a_sync,
    ]
    .map(number)
    .to_vec()
}
