//! One measurement: some traffic over some connections for some seconds, and what it cost.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::child::ChildServer;
use crate::database::Database;
use crate::load::{self, Counter, Load, Measured, WriteRequest};
use crate::process::Process;
use crate::rig::Rig;
use crate::statistics::median;
use crate::table::number;
use crate::traffic::Traffic;
use crate::wrk;

const MIB: f64 = 1_048_576.0;
const MOST_LOGINS_PER_SECOND: usize = 30_000;

/// CPU times are of one request. The bench's own includes the sandbox's.
#[derive(Debug, Clone, Serialize)]
pub struct Cell {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub p999_ms: f64,
    pub server_cpu_us: f64,
    pub database_cpu_us: f64,
    pub bench_cpu_us: f64,
    pub peak_memory_mib: f64,
    /// Requests for each time that the database waited for the disk.
    pub requests_a_sync: f64,
    /// Requests that were not answered with 200, by how they ended.
    pub not_ok: BTreeMap<String, u64>,
}

impl Cell {
    /// As many requests over the connections as are answered.
    pub fn measure(
        rig: &Rig,
        traffic: Traffic,
        connections: usize,
        duration: Duration,
    ) -> Result<Self> {
        let load =
            Load { connections, duration, requests_per_second: None, keeps_connections: true };
        Self::of_traffic(rig, &rig.server, traffic, load)
    }

    /// The same by `wrk`, which cannot be told to warm up.
    pub fn measure_by_wrk(
        rig: &Rig,
        server: &ChildServer,
        traffic: Traffic,
        connections: u16,
        duration: Duration,
    ) -> Result<Self> {
        if traffic.logs_in() {
            rig.age_logins()?;
        }
        // No code is sent twice, however fast they go.
        let count = match traffic.logs_in() {
            true => MOST_LOGINS_PER_SECOND * duration.as_secs() as usize,
            false => rig.users.len(),
        };
        let bodies = std::iter::repeat_with(traffic.bodies(rig)).take(count);
        Self::counted(server, &rig.database, |counters| {
            let address = server.address();
            wrk::run(address, traffic.path(), bodies, connections, duration, counters)
        })
    }

    /// Of a server on the rig's database.
    pub fn of_traffic(
        rig: &Rig,
        server: &ChildServer,
        traffic: Traffic,
        load: Load,
    ) -> Result<Self> {
        if traffic.logs_in() {
            rig.age_logins()?;
        }
        Self::of(server, &rig.database, traffic.requests(rig), load)
    }

    /// Of any server.
    pub fn of(
        server: &ChildServer,
        database: &Database,
        requests: WriteRequest,
        load: Load,
    ) -> Result<Self> {
        Self::counted(server, database, |counters| {
            load::run(server.address(), load, requests, counters)
        })
    }

    /// By whatever sends the requests, and reads the counters before and after.
    fn counted(
        server: &ChildServer,
        database: &Database,
        measure: impl FnOnce(&[Counter]) -> Result<Measured>,
    ) -> Result<Self> {
        let cpu_us = |process: Process| Ok(process.cpu_time()?.as_secs_f64() * 1e6);
        let counters: [Counter; 4] = [
            &|| cpu_us(server.process()),
            &|| cpu_us(database.process()),
            &|| cpu_us(Process::this()),
            &|| database.syncs(),
        ];
        server.process().forget_peak();
        let measured = measure(&counters)?;
        let peak_memory_bytes = server.process().peak_memory_bytes()?;
        Ok(Self::from_measured(measured, peak_memory_bytes))
    }

    fn from_measured(measured: Measured, peak_memory_bytes: u64) -> Self {
        let Measured { latencies, elapsed, counted, not_ok } = measured;
        let answers = latencies.len() as f64;
        let quantile_ms = |quantile| latencies.value_at_quantile(quantile) as f64 / 1_000.0;
        let counted = |index: usize| counted.get(index).copied().unwrap_or_default();
        let cpu_us = |index| counted(index) / answers.max(1.0);
        Self {
            requests_per_second: answers / elapsed.as_secs_f64(),
            p50_ms: quantile_ms(0.5),
            p99_ms: quantile_ms(0.99),
            p999_ms: quantile_ms(0.999),
            server_cpu_us: cpu_us(0),
            database_cpu_us: cpu_us(1),
            bench_cpu_us: cpu_us(2),
            requests_a_sync: answers / counted(3).max(1.0),
            peak_memory_mib: peak_memory_bytes as f64 / MIB,
            not_ok,
        }
    }

    /// Requests a second, median and p99 latency, CPU time of server and database, memory: as a
    /// table shows them.
    pub fn main_numbers(&self) -> [String; 6] {
        [
            self.requests_per_second,
            self.p50_ms,
            self.p99_ms,
            self.server_cpu_us,
            self.database_cpu_us,
            self.peak_memory_mib,
        ]
        .map(number)
    }

    /// A sentence for each way in which requests failed.
    pub fn complaints(&self, place: &str) -> Vec<String> {
        let complaint = |(how, count)| format!("{place}: {count} requests failed: {how}");
        self.not_ok.iter().map(complaint).collect()
    }

    /// The median of each value; what was not answered with 200 is added up.
    pub fn median<'a>(cells: impl IntoIterator<Item = &'a Self> + Clone) -> Self {
        let of = |value: fn(&Self) -> f64| median(cells.clone().into_iter().map(value));
        let mut not_ok = BTreeMap::new();
        for cell in cells.clone() {
            for (how, count) in &cell.not_ok {
                *not_ok.entry(how.clone()).or_default() += count;
            }
        }
        Self {
            requests_per_second: of(|cell| cell.requests_per_second),
            p50_ms: of(|cell| cell.p50_ms),
            p99_ms: of(|cell| cell.p99_ms),
            p999_ms: of(|cell| cell.p999_ms),
            server_cpu_us: of(|cell| cell.server_cpu_us),
            database_cpu_us: of(|cell| cell.database_cpu_us),
            bench_cpu_us: of(|cell| cell.bench_cpu_us),
            peak_memory_mib: of(|cell| cell.peak_memory_mib),
            requests_a_sync: of(|cell| cell.requests_a_sync),
            not_ok,
        }
    }
}
