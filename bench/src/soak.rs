//! The mode `soak`: whether anything grows or slows down in a long time at half load, while keys
//! expire and are purged.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::arguments::{MEASURED_USERS, SoakArguments};
use crate::cell::Cell;
use crate::crowd::Crowd;
use crate::load::{Load, WriteRequest};
use crate::plot::{self, Chart, Line};
use crate::process::CoreTime;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::Rig;
use crate::statistics::median;
use crate::table::{number, table};
use crate::traffic::Traffic;

/// How long the most that is answered is looked for, whose half is asked for then.
const FINDING_MOST: Duration = Duration::from_secs(10);
/// What one row shows.
const WINDOW: Duration = Duration::from_secs(30);
const PURGE_SECONDS: u64 = 60;
/// Half of the users of a campaign only come back with a tap, the others log in, some in one call.
const MIX: [Traffic; 4] = [Traffic::Phone, Traffic::Phone, Traffic::Login, Traffic::User];
/// How much the last third's median may lie above the first's before memory counts as growing.
const MAX_GROWTH: f64 = 1.15;
const MIB: f64 = 1_048_576.0;

#[derive(Serialize)]
pub struct SoakReport {
    connections: u16,
    users: u32,
    requests_per_second: f64,
    rows: Vec<Row>,
    keys_at_first: f64,
    keys_at_last: f64,
    /// Keys that should have been purged before the last window began.
    expired_and_kept: f64,
}

#[derive(Serialize)]
struct Row {
    minutes: f64,
    #[serde(flatten)]
    cell: Cell,
    /// What the server holds at the end of the window.
    memory_mib: f64,
    prepared_statements: f64,
    /// Of the cores' time: what the host of a virtual machine gave to others.
    stolen_percent: f64,
}

/// One of a row's values, with its name.
type Series = (&'static str, fn(&Row) -> f64);

pub fn run(arguments: &SoakArguments) -> Result<SoakReport> {
    let length = Duration::from_secs(arguments.minutes * 60);
    let windows = length.as_secs().div_ceil(WINDOW.as_secs());
    let crowd = Crowd { users: arguments.users - MEASURED_USERS, keys_a_user: 1 };
    let mut progress = Progress::new(crowd.steps() + windows + 3);
    let purge = [("PURGE_INTERVAL_SECONDS", PURGE_SECONDS.to_string())];
    let rig = Rig::start(&arguments.common, MEASURED_USERS, &purge)?;
    let filling = format!("storing {} users", arguments.users);
    crowd.join(MEASURED_USERS, &rig.database, || progress.step(&filling))?;
    progress.step("spreading their keys' ends over the time");
    rig.database.execute(&expiring_sql(length))?;
    progress.step("waiting until all that was stored is on the disk");
    rig.database.settle()?;
    progress.step("looking for the most that is answered");
    let requests = mixed(&rig);
    let most = measure(&rig, &requests, arguments.connections, FINDING_MOST, None)?;
    let requests_per_second = most.requests_per_second / 2.0;

    let keys_at_first = rig.database.number(KEYS)?;
    let (begun, mut rows) = (Instant::now(), Vec::new());
    for window in 0..windows {
        progress.step(&format!("{requests_per_second:.0} requests/s, part {}", window + 1));
        let rate = Some(requests_per_second);
        let cores = CoreTime::now()?;
        let cell = measure(&rig, &requests, arguments.connections, WINDOW, rate)?;
        rows.push(Row {
            minutes: begun.elapsed().as_secs_f64() / 60.0,
            cell,
            memory_mib: rig.server.process().memory_bytes()? as f64 / MIB,
            prepared_statements: rig.database.status("Prepared_stmt_count")?,
            stolen_percent: CoreTime::now()?.stolen_percent_since(&cores),
        });
    }
    drop(progress);
    let report = SoakReport {
        connections: arguments.connections,
        users: arguments.users,
        requests_per_second,
        rows,
        keys_at_first,
        keys_at_last: rig.database.number(KEYS)?,
        expired_and_kept: rig.database.number(&expired_sql())?,
    };
    if let Some(file) = &arguments.plot {
        fs::write(file, plot::svg(&report.charts())?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(report)
}

const KEYS: &str = "SELECT COUNT(*) FROM sessions";

/// The crowd's keys, which are those that no phone of the bench was encrypted with.
fn expiring_sql(length: Duration) -> String {
    let seconds = length.as_secs();
    format!(
        "UPDATE sessions SET expires_at = UTC_TIMESTAMP(3) + INTERVAL CRC32(openid) % {seconds} SECOND
         WHERE session_key = 'AAAAAAAAAAAAAAAAAAAAAA=='"
    )
}

/// Two turns of the purge may pass, and the second may be at it.
fn expired_sql() -> String {
    let ago = 2 * PURGE_SECONDS + WINDOW.as_secs();
    format!("{KEYS} WHERE expires_at < UTC_TIMESTAMP(3) - INTERVAL {ago} SECOND")
}

fn mixed(rig: &Rig) -> WriteRequest {
    let kinds = MIX.map(|traffic| traffic.requests(rig));
    let next = AtomicUsize::new(0);
    Arc::new(move |request| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if let Some(write) = kinds.get(number % kinds.len()) {
            write(request);
        }
    })
}

fn measure(
    rig: &Rig,
    requests: &WriteRequest,
    connections: u16,
    duration: Duration,
    requests_per_second: Option<f64>,
) -> Result<Cell> {
    let load = Load {
        connections: usize::from(connections),
        duration,
        requests_per_second,
        keeps_connections: true,
    };
    Cell::of(&rig.server, &rig.database, Arc::clone(requests), load)
}

impl SoakReport {
    fn charts(&self) -> Vec<Chart> {
        let line = |name, value: fn(&Row) -> f64| Line {
            name,
            points: self.rows.iter().map(|row| (row.minutes, value(row))).collect(),
        };
        let chart =
            |caption, lines| Chart { caption, x: "minutes", x_is_logarithmic: false, lines };
        vec![
            chart(
                "latency, ms",
                vec![line("p50", |row| row.cell.p50_ms), line("p99", |row| row.cell.p99_ms)],
            ),
            chart("stolen by the host, %", vec![line("of all cores", |row| row.stolen_percent)]),
            chart("memory, MiB", vec![line("the server's", |row| row.memory_mib)]),
            chart("prepared statements", vec![line("all", |row| row.prepared_statements)]),
        ]
    }

    /// The medians of the first third and of the last.
    fn thirds(&self, value: fn(&Row) -> f64) -> (f64, f64) {
        let third = self.rows.len().div_ceil(3);
        let first = median(self.rows.iter().take(third).map(value));
        (first, median(self.rows.iter().rev().take(third).map(value)))
    }
}

impl Report for SoakReport {
    fn print(&self) {
        let header = ["", "first third", "last third"];
        let values: [Series; 8] = [
            ("p50 ms", |row| row.cell.p50_ms),
            ("p99 ms", |row| row.cell.p99_ms),
            ("server µs", |row| row.cell.server_cpu_us),
            ("db µs", |row| row.cell.database_cpu_us),
            ("load generator µs", |row| row.cell.bench_cpu_us),
            ("stolen by the host %", |row| row.stolen_percent),
            ("MiB", |row| row.memory_mib),
            ("prepared statements", |row| row.prepared_statements),
        ];
        let rows = values.map(|(name, value)| {
            let (first, last) = self.thirds(value);
            vec![name.to_owned(), number(first), number(last)]
        });
        println!("{}", table(&header, 1, rows));
        println!(
            "Medians of {} parts of {} s: {:.0} requests/s over {} connections, {} users at first. \
             Keys: {:.0} at first, {:.0} at last.",
            self.rows.len(),
            WINDOW.as_secs(),
            self.requests_per_second,
            self.connections,
            self.users,
            self.keys_at_first,
            self.keys_at_last
        );
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints: Vec<String> =
            self.rows.iter().flat_map(|row| row.cell.complaints("the mix")).collect();
        let growing: [Series; 2] = [
            ("memory, MiB", |row| row.memory_mib),
            ("prepared statements", |row| row.prepared_statements),
        ];
        for (what, value) in growing {
            let (first, last) = self.thirds(value);
            if last > first * MAX_GROWTH {
                complaints.push(format!(
                    "grew: {what}, from {} to {}",
                    number(first),
                    number(last)
                ));
            }
        }
        if self.expired_and_kept > 0.0 {
            complaints.push(format!("{:.0} expired keys were not purged", self.expired_and_kept));
        }
        complaints
    }
}
