//! The mode `attacks`: what strangers cost the users beside them, and the memory that they take.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;

use crate::arguments::{AttacksArguments, duration};
use crate::attackers::{Attack, Attackers};
use crate::child::ChildServer;
use crate::load::{self, Load, Measured, WriteRequest};
use crate::progress::Progress;
use crate::relay;
use crate::report::Report;
use crate::rig::{Rig, directory};
use crate::table::{number, table};
use crate::traffic::{Traffic, write_post};

/// More than the logins of one round, so that nobody logs in twice within minutes.
const USERS: u32 = 20_000;
/// What users send beside an attack: far less than the server can do, as on most days.
const USERS_REQUESTS_PER_SECOND: f64 = 200.0;
const USERS_CONNECTIONS: usize = 32;
/// Until an attack has all its connections, and until the server has let go of them.
const SETTLE: Duration = Duration::from_secs(3);
/// A process's default in many systems.
const FEW_FILES: &[&str] = &["prlimit", "--nofile=1024:1024"];
const MAX_MEMORY_MIB: f64 = 256.0;
const MIB: f64 = 1_048_576.0;
/// One way between a server and a database on another continent.
const SLOW_DATABASE: Duration = Duration::from_millis(50);
/// One way to a WeChat that answers after 80 ms.
const FAR_WECHAT: Duration = Duration::from_millis(40);
const ANSWER_PATIENCE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
pub struct AttacksReport {
    seconds: u64,
    rounds: u16,
    rows: Vec<Row>,
    stalled_body_at_sigterm_ms: f64,
    slow_database_round_trip_ms: f64,
    good_code_with_slow_database_ms: f64,
    refused_code_with_slow_database_ms: f64,
}

/// What users met, all rounds together.
#[derive(Serialize)]
struct Row {
    attack: &'static str,
    /// How what the attackers began has ended.
    attackers: BTreeMap<String, u64>,
    peak_memory_mib: f64,
    alone: Users,
    /// While another server of this machine is attacked, which tells what sharing its cores costs.
    elsewhere: Option<Users>,
    attacked: Users,
}

#[derive(Serialize)]
struct Users {
    answered: u64,
    /// Requests that were not answered with 200, by how they ended.
    lost: BTreeMap<String, u64>,
    p50_ms: f64,
    p99_ms: f64,
}

pub fn run(arguments: &AttacksArguments) -> Result<AttacksReport> {
    let is_asked_for = |attack: &Attack| attack.name().contains(&arguments.only);
    let attacks: Vec<Attack> = Attack::ALL.into_iter().filter(is_asked_for).collect();
    let steps = attacks.len() as u64 * u64::from(arguments.rounds) + 3;
    let mut progress = Progress::new(steps);
    let mut rows = Vec::new();
    for attack in attacks {
        let rig = Rig::start(&arguments.common, USERS, &[])?;
        let [here, elsewhere] = start_servers(&rig, attack, arguments)?;
        let mut row = RowSoFar::default();
        for _ in 0..arguments.rounds {
            progress.step(attack.name());
            row.add_round(&rig, [&here, &elsewhere], attack, arguments)?;
        }
        rows.push(row.into_row(attack.name()));
    }
    progress.step("nobody reads the log");
    rows.push(unread_log(arguments)?);
    progress.step("half a body at SIGTERM");
    let stalled_body = stalled_body_at_sigterm(arguments)?;
    progress.step("a slow database");
    let (good, refused) = codes_with_a_slow_database(arguments)?;
    Ok(AttacksReport {
        seconds: arguments.seconds,
        rounds: arguments.rounds,
        rows,
        stalled_body_at_sigterm_ms: milliseconds(stalled_body),
        slow_database_round_trip_ms: milliseconds(SLOW_DATABASE * 2),
        good_code_with_slow_database_ms: milliseconds(good),
        refused_code_with_slow_database_ms: milliseconds(refused),
    })
}

/// The server that users ask, and another one of this machine.
fn start_servers(
    rig: &Rig,
    attack: Attack,
    arguments: &AttacksArguments,
) -> Result<[ChildServer; 2]> {
    let runner = if attack == Attack::HalfBodiesAndFewFiles { FEW_FILES } else { &[] };
    let mut variables = production_log().to_vec();
    if attack == Attack::MadeUpCodesAndFarWeChat {
        let address = rig.sandbox.base_url().replace("http://", "");
        let relay = relay::start(address, FAR_WECHAT)?;
        variables.push(("WX_API_BASE", format!("http://{relay}")));
    }
    let start = |name: &'static str| {
        let mut command = rig.serve_command(runner, &arguments.common)?;
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        ChildServer::start(name, &mut command, directory()?.join(format!("{name}.log")))
    };
    Ok([start("the server here")?, start("the server elsewhere")?])
}

/// Attacks are met with the log that production has.
fn production_log() -> [(&'static str, String); 1] {
    [("RUST_LOG", "info".to_owned())]
}

#[derive(Default)]
struct RowSoFar {
    attackers: BTreeMap<String, u64>,
    peak_memory_bytes: u64,
    alone: Option<Measured>,
    elsewhere: Option<Measured>,
    attacked: Option<Measured>,
}

impl RowSoFar {
    fn add_round(
        &mut self,
        rig: &Rig,
        [here, elsewhere]: [&ChildServer; 2],
        attack: Attack,
        arguments: &AttacksArguments,
    ) -> Result<()> {
        rig.age_logins()?;
        add(&mut self.alone, measure_users(rig, here, arguments.seconds)?)?;
        let attackers = Attackers::start(attack, rig, elsewhere.address())?;
        sleep(SETTLE);
        add(&mut self.elsewhere, measure_users(rig, here, arguments.seconds)?)?;
        attackers.stop()?;
        sleep(SETTLE);
        here.process().forget_peak();
        let attackers = Attackers::start(attack, rig, here.address())?;
        sleep(SETTLE);
        add(&mut self.attacked, measure_users(rig, here, arguments.seconds)?)?;
        for (how, count) in attackers.stop()? {
            *self.attackers.entry(how).or_default() += count;
        }
        let peak = here.process().peak_memory_bytes()?;
        self.peak_memory_bytes = self.peak_memory_bytes.max(peak);
        sleep(SETTLE);
        Ok(())
    }

    fn into_row(self, attack: &'static str) -> Row {
        Row {
            attack,
            attackers: self.attackers,
            peak_memory_mib: self.peak_memory_bytes as f64 / MIB,
            alone: Users::from(self.alone),
            elsewhere: self.elsewhere.map(|measured| Users::from(Some(measured))),
            attacked: Users::from(self.attacked),
        }
    }
}

/// Each request on a connection of its own, as of users whom no proxy stands in front of.
fn measure_users(rig: &Rig, server: &ChildServer, seconds: u64) -> Result<Measured> {
    let load = Load {
        connections: USERS_CONNECTIONS,
        duration: duration(seconds),
        requests_per_second: Some(USERS_REQUESTS_PER_SECOND),
        keeps_connections: false,
    };
    load::run(server.address(), load, logins_and_phones(rig), &[])
}

/// In turns.
fn logins_and_phones(rig: &Rig) -> WriteRequest {
    let kinds = [Traffic::Login, Traffic::Phone].map(|traffic| traffic.requests(rig));
    let next = AtomicUsize::new(0);
    Arc::new(move |request| {
        if let Some(kind) = kinds.get(next.fetch_add(1, Ordering::Relaxed) % kinds.len()) {
            kind(request);
        }
    })
}

fn add(sum: &mut Option<Measured>, measured: Measured) -> Result<()> {
    let Some(sum) = sum else {
        *sum = Some(measured);
        return Ok(());
    };
    sum.latencies.add(&measured.latencies)?;
    for (how, count) in measured.not_ok {
        *sum.not_ok.entry(how).or_default() += count;
    }
    Ok(())
}

impl From<Option<Measured>> for Users {
    fn from(measured: Option<Measured>) -> Self {
        let (latencies, lost) =
            measured.map(|measured| (measured.latencies, measured.not_ok)).unzip();
        let quantile_ms = |quantile| {
            let of = |latencies: &Histogram<u64>| latencies.value_at_quantile(quantile);
            latencies.as_ref().map_or(0, of) as f64 / 1_000.0
        };
        Self {
            answered: latencies.as_ref().map_or(0, Histogram::len),
            lost: lost.unwrap_or_default(),
            p50_ms: quantile_ms(0.5),
            p99_ms: quantile_ms(0.99),
        }
    }
}

/// A server whose log is read until it listens, and then by nobody.
fn unread_log(arguments: &AttacksArguments) -> Result<Row> {
    let rig = Rig::start(&arguments.common, USERS, &production_log())?;
    let log = directory()?.join("unread.log");
    let mut file = std::fs::File::create(&log)?;
    let (mut reader, writer) = std::io::pipe()?;
    let is_read = Arc::new(AtomicBool::new(true));
    let still_read = Arc::clone(&is_read);
    let _reading = spawn(move || -> std::io::Result<std::io::PipeReader> {
        let mut bytes = [0; 4_096];
        while still_read.load(Ordering::Relaxed) {
            let length = reader.read(&mut bytes)?;
            file.write_all(bytes.get(..length).unwrap_or_default())?;
        }
        // It stays open.
        Ok(reader)
    });
    let mut command = rig.serve_command(&[], &arguments.common)?;
    command.envs(production_log()).stderr(writer);
    let server = ChildServer::start_with("the unread server", &mut command, log)?;
    drop(command);
    let mut row = RowSoFar::default();
    rig.age_logins()?;
    add(&mut row.alone, measure_users(&rig, &server, arguments.seconds)?)?;
    is_read.store(false, Ordering::Relaxed);
    server.process().forget_peak();
    add(&mut row.attacked, measure_users(&rig, &server, arguments.unread_log_seconds)?)?;
    row.peak_memory_bytes = server.process().peak_memory_bytes()?;
    Ok(row.into_row("a log that nobody reads"))
}

fn stalled_body_at_sigterm(arguments: &AttacksArguments) -> Result<Duration> {
    let mut rig = Rig::start(&arguments.common, 1, &[])?;
    let mut request = Vec::new();
    write_post(&mut request, rig.server.address(), Traffic::User.path(), "{}");
    request.pop();
    let mut stream = TcpStream::connect(rig.server.address())?;
    stream.write_all(&request)?;
    let (taken, status) = rig.server.terminate()?;
    ensure!(status.success(), "after SIGTERM: {status}");
    Ok(taken)
}

/// How long a good code takes, and one that WeChat refuses.
fn codes_with_a_slow_database(arguments: &AttacksArguments) -> Result<(Duration, Duration)> {
    let rig = Rig::start(&arguments.common, 1, &[])?;
    let relay = relay::start(rig.database.address(), SLOW_DATABASE)?;
    let mut command = rig.serve_command(&[], &arguments.common)?;
    command.env("DATABASE_URL", rig.database.url_at(&relay.to_string()));
    let server = ChildServer::start("the slow one", &mut command, directory()?.join("slow.log"))?;
    let user = rig.users.first().context("there is one")?;
    let taken = |code: &str, status: &str| -> Result<Duration> {
        let mut request = Vec::new();
        let body = format!(r#"{{"jsCode":"{code}"}}"#);
        write_post(&mut request, server.address(), Traffic::Login.path(), &body);
        let mut stream = TcpStream::connect(server.address())?;
        stream.set_read_timeout(Some(ANSWER_PATIENCE))?;
        let begun = Instant::now();
        stream.write_all(&request)?;
        let mut answer = [0; 4_096];
        let length = stream.read(&mut answer)?;
        let answer = String::from_utf8_lossy(answer.get(..length).unwrap_or_default()).into_owned();
        ensure!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        Ok(begun.elapsed())
    };
    // The first makes connections.
    taken(&rig.sandbox.login(&user.name), "200")?;
    Ok((taken(&rig.sandbox.login(&user.name), "200")?, taken("made-up", "401")?))
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

impl Row {
    fn lost(&self) -> u64 {
        self.all_users().flat_map(|(_, users)| users.lost.values()).sum()
    }

    fn all_users(&self) -> impl Iterator<Item = (&'static str, &Users)> {
        let elsewhere = self.elsewhere.iter().map(|users| ("elsewhere than", users));
        [("before", &self.alone), ("beside", &self.attacked)].into_iter().chain(elsewhere)
    }

    /// The p99 of users here to that of these, if they were measured.
    fn p99_ratio(&self, to: Option<&Users>) -> String {
        to.map_or(String::new(), |users| number(self.attacked.p99_ms / users.p99_ms))
    }

    fn attackers_in_words(&self) -> String {
        let word = |(how, count): (&String, &u64)| format!("{count} {how}");
        self.attackers.iter().map(word).collect::<Vec<_>>().join(", ")
    }
}

impl Report for AttacksReport {
    fn print(&self) {
        let header = [
            "attack",
            "MiB",
            "answered",
            "lost",
            "p50 ms alone",
            "elsewhere",
            "here",
            "p99 ms alone",
            "elsewhere",
            "here",
            "to alone",
            "to elsewhere",
        ];
        let rows = self.rows.iter().map(|row| {
            let mut cells = vec![
                row.attack.to_owned(),
                number(row.peak_memory_mib),
                row.attacked.answered.to_string(),
                row.lost().to_string(),
            ];
            for quantile in [|users: &Users| users.p50_ms, |users: &Users| users.p99_ms] {
                let elsewhere = row.elsewhere.as_ref().map(quantile).map(number);
                cells.push(number(quantile(&row.alone)));
                cells.push(elsewhere.unwrap_or_default());
                cells.push(number(quantile(&row.attacked)));
            }
            cells.push(row.p99_ratio(Some(&row.alone)));
            cells.push(row.p99_ratio(row.elsewhere.as_ref()));
            cells
        });
        println!("{}", table(&header, 1, rows));
        println!(
            "Users, {USERS_REQUESTS_PER_SECOND} requests a second and each on a connection of its \
             own: alone, while another server of this machine is attacked, and while theirs is. \
             Attackers, users, servers and database share this machine's cores.\n"
        );
        println!("What the attackers met:");
        for row in self.rows.iter().filter(|row| !row.attackers.is_empty()) {
            println!("  {}: {}", row.attack, row.attackers_in_words());
        }
        let [stalled, round_trip, good, refused] = [
            self.stalled_body_at_sigterm_ms,
            self.slow_database_round_trip_ms,
            self.good_code_with_slow_database_ms,
            self.refused_code_with_slow_database_ms,
        ]
        .map(number);
        println!("After SIGTERM with half a body open, the server ended after {stalled} ms.");
        println!(
            "With {round_trip} ms to the database and back, a good code took {good} ms, a refused \
             one {refused} ms."
        );
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for row in &self.rows {
            let name = row.attack;
            for (when, users) in row.all_users() {
                for (how, count) in &users.lost {
                    complaints.push(format!("{when} {name}: {count} of users failed: {how}"));
                }
            }
            if row.peak_memory_mib > MAX_MEMORY_MIB {
                complaints.push(format!("{name}: {} MiB", number(row.peak_memory_mib)));
            }
        }
        complaints
    }
}
