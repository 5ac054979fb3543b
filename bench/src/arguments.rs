//! The command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

/// Users whose requests `growth` measures, spread among all others: the fewest that it takes.
pub const MEASURED_USERS: u32 = 10_000;

/// Measures wxauth: the real server and database, a sandbox WeChat, and a closed loop of requests,
/// all on this machine. scripts/bench builds and starts what it needs.
#[derive(Parser)]
#[command(name = "bench", version, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    /// What to measure; `endpoints` if nothing is said
    #[command(subcommand)]
    pub mode: Option<Mode>,

    #[command(flatten)]
    pub endpoints: EndpointsArguments,
}

#[derive(Subcommand)]
pub enum Mode {
    /// Throughput, latency, CPU and memory of each endpoint, beside what the database and a bare
    /// handler do by themselves (the default)
    Endpoints(EndpointsArguments),
    /// This server beside another one, such as that of the commit before, on one database
    Compare(CompareArguments),
    /// This server beside the usual one of 2019 (express, mysql2, axios), and whose first taps open
    Beside(BesideArguments),
    /// What requests that wait in grace for a late login cost the others
    Grace(GraceArguments),
    /// Whether one kind of failed decryption can be told from another
    Failures(FailuresArguments),
    /// What a request costs as the database grows
    Growth(GrowthArguments),
    /// What attacks cost: memory, and what users meet beside them
    Attacks(AttacksArguments),
    /// Whether restarts fail requests of clients that connect for each
    Restarts(RestartsArguments),
    /// Whether anything grows or slows down in half an hour at half load
    Soak(SoakArguments),
    /// The bare handler of `endpoints`
    #[command(hide = true)]
    Bare,
}

#[derive(Args, Clone)]
pub struct CommonArguments {
    /// Print one JSON object instead of tables
    #[arg(long)]
    pub json: bool,

    /// The server's RUST_LOG beyond the line that names its address; `info` is what production has
    #[arg(long, value_name = "FILTER", default_value = "warn")]
    pub log: String,

    /// Have session keys sealed in the database, with SESSION_KEY_SECRETS; `failures` always does
    #[arg(long)]
    pub sealed: bool,

    /// The server to measure; by default the one that was built beside this program
    #[arg(long, value_name = "FILE")]
    pub server: Option<PathBuf>,
}

#[derive(Args)]
pub struct EndpointsArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Connections, each with one request at a time
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,16,64,256")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub connections: Vec<u16>,

    /// How long each measurement takes
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,

    /// How often everything is measured, in turns; the medians are shown
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,

    /// Users in the database. Where a measurement makes more logins than there are users, some
    /// log in twice within minutes, which costs one more write
    #[arg(long, value_name = "N", default_value_t = 60_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(100..=200_000))]
    pub users: u32,

    /// Have the same load sent by wrk too, over 64 connections
    #[arg(long)]
    pub wrk: bool,

    /// Draw throughput over connections, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

#[derive(Args)]
pub struct CompareArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// The other server
    #[arg(value_name = "FILE")]
    pub other: PathBuf,

    /// Connections. One sends as many requests as are answered; several send both servers the same
    /// number a second, four fifths of what the other one answers at most
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,64")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub connections: Vec<u16>,

    /// How long each measurement takes
    #[arg(long, value_name = "SECONDS", default_value_t = 3)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,

    /// How often everything is measured, in turns; the medians are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,
}

#[derive(Args)]
pub struct BesideArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub connections: u16,

    /// How long each measurement takes
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,

    /// How often everything is measured, in turns; the medians are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,

    /// Random users whose first tap is tried on each server
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub taps: usize,
}

#[derive(Args)]
pub struct GraceArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Requests that wait
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=4_000))]
    pub waiters: u16,

    /// Connections of the others, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub connections: u16,

    /// How long each measurement takes; two of them must fit into the grace of 30 s
    #[arg(long, value_name = "SECONDS", default_value_t = 4)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=9))]
    pub seconds: u64,

    /// How often it is measured without waiters and then with them; the medians are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,
}

#[derive(Args)]
pub struct FailuresArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Requests of each kind, each with a user of its own
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(10..=100_000))]
    pub samples: u32,

    /// Requests under way at once
    #[arg(long, value_name = "N", default_value_t = 50)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=500))]
    pub in_flight: u16,

    /// The server's LOGIN_GRACE_MS
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1_000)]
    #[arg(value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub grace_ms: u64,
}

#[derive(Args)]
pub struct GrowthArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Users in the database, with a key each; from 1,000,000 on, also as many with five keys each
    #[arg(
        long,
        value_name = "N,…",
        value_delimiter = ',',
        default_value = "10000,1000000,10000000"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(MEASURED_USERS)..=100_000_000))]
    pub users: Vec<u32>,

    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub connections: u16,

    /// How long each measurement takes; short, so that few of the 10,000 users who are measured
    /// log in twice within minutes, which costs one more write
    #[arg(long, value_name = "SECONDS", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,

    /// How often everything is measured, in turns; the medians are shown
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,
}

#[derive(Args)]
pub struct AttacksArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// How long users are measured, each time
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,

    /// How often, in turns; all rounds count together
    #[arg(long, value_name = "N", default_value_t = 2)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    pub rounds: u16,

    /// Only attacks whose name holds this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub only: String,

    /// How long nobody reads the log
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=600))]
    pub unread_log_seconds: u64,
}

#[derive(Args)]
pub struct RestartsArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// Requests of each kind of restart
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub requests: u64,
}

#[derive(Args)]
pub struct SoakArguments {
    #[command(flatten)]
    pub common: CommonArguments,

    /// How long the load lasts; all keys but those of 10,000 users expire meanwhile
    #[arg(long, value_name = "N", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub minutes: u64,

    /// Users in the database
    #[arg(long, value_name = "N", default_value_t = 1_000_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(i64::from(MEASURED_USERS) + 1..=100_000_000))]
    pub users: u32,

    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value_t = 64)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1_024))]
    pub connections: u16,

    /// Draw latency, memory and prepared statements over time, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

/// Of the argument, which is in whole seconds.
pub fn duration(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
