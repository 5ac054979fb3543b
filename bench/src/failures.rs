//! The mode `failures`: whether one kind of failed decryption can be told from another.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::arguments::{CommonArguments, FailuresArguments};
use crate::kinds::Kind;
use crate::progress::Progress;
use crate::report::Report;
use crate::rig::{Rig, User, data_fields};
use crate::samples::{self, Samples};
use crate::statistics::{kruskal_wallis, median, quantile, sorted};
use crate::table::table;
use crate::traffic::{Traffic, phone_body, write_post};

/// Of chi-squared with 7 degrees of freedom, one less than kinds: if the kinds do not differ, H is
/// above it once in 1,000 runs.
const MOST_H_BY_CHANCE: f64 = 24.322;
const DECRYPT_FAILED: u16 = 401;
/// A request, and how long the server should wait before it answers one.
const MIN_FAILURE_MS: u64 = 500;

#[derive(Serialize)]
pub struct FailuresReport {
    grace_ms: u64,
    in_flight: u16,
    rows: Vec<Row>,
    /// Status, headers and body, without `date` and `x-request-id`.
    distinct_answers: BTreeMap<String, [u64; Kind::ALL.len()]>,
    /// Kruskal and Wallis's, over the kinds' durations.
    h: f64,
    /// Between the kinds' medians.
    greatest_difference_us: f64,
    /// From the first to the last decile of all durations.
    spread_us: f64,
    told_apart: bool,
    statuses: BTreeMap<u16, u64>,
    unanswered: BTreeMap<String, u64>,
}

/// Durations of one kind.
#[derive(Serialize)]
struct Row {
    kind: Kind,
    n: usize,
    min_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

pub fn run(arguments: &FailuresArguments) -> Result<FailuresReport> {
    let requests = arguments.samples as usize * Kind::ALL.len();
    let progress = Progress::new(1);
    progress.note("starting the server, inserting users");
    let grace = ("LOGIN_GRACE_MS", arguments.grace_ms.to_string());
    let common = CommonArguments { sealed: true, ..arguments.common.clone() };
    let rig = Rig::start(&common, arguments.samples, &[grace])?;
    let users = Users::create(&rig, arguments.samples)?;
    let in_flight = usize::from(arguments.in_flight);
    let wait_ms = arguments.grace_ms.max(MIN_FAILURE_MS);
    let seconds = requests.div_ceil(in_flight) as u64 * wait_ms / 1_000;
    progress.note(&format!("sending {requests} requests: about {seconds} s"));
    let samples = samples::collect(rig.server.address(), write_requests(&rig, &users)?, in_flight)?;
    drop(progress);
    Ok(FailuresReport::from_samples(arguments, samples))
}

/// Those whose keys are not stored as those of the rig's users are, which are sealed.
struct Users {
    plain: Vec<User>,
    unreadable: Vec<User>,
}

impl Users {
    fn create(rig: &Rig, count: u32) -> Result<Self> {
        let unreadable = rig.create_users("unreadable", count)?;
        rig.database.execute(
            "UPDATE sessions SET session_key = CONCAT('lost:', session_key) \
             WHERE session_key NOT LIKE '%:%'",
        )?;
        Ok(Self { plain: rig.create_users("plain", count)?, unreadable })
    }

    fn of_kind<'a>(&'a self, rig: &'a Rig, kind: Kind) -> &'a [User] {
        match kind {
            Kind::PlainKey => &self.plain,
            Kind::UnreadableKey => &self.unreadable,
            _ => &rig.users,
        }
    }
}

/// Each kind once for each of its users, in random order.
fn write_requests(rig: &Rig, users: &Users) -> Result<Vec<(Kind, Vec<u8>)>> {
    let mut requests = Vec::new();
    for kind in Kind::ALL {
        for user in users.of_kind(rig, kind) {
            let key = rig.sandbox.session_key(&user.name).context("every user has logged in")?;
            let data = data_fields(&kind.data(&key, rig.sandbox.appid())?);
            let body = phone_body(&user.openid, &data);
            let mut request = Vec::new();
            write_post(&mut request, rig.server.address(), Traffic::Phone.path(), &body);
            requests.push((kind, request));
        }
    }
    fastrand::shuffle(&mut requests);
    Ok(requests)
}

impl FailuresReport {
    fn from_samples(arguments: &FailuresArguments, samples: Samples) -> Self {
        let groups: Vec<Vec<f64>> =
            Kind::ALL.iter().map(|kind| sorted(samples.durations_ms(*kind))).collect();
        let all = sorted(groups.iter().flatten().copied());
        let medians = sorted(groups.iter().map(|group| median(group.iter().copied())));
        let h = kruskal_wallis(&groups);
        let distinct_answers = samples.distinct_answers();
        Self {
            grace_ms: arguments.grace_ms,
            in_flight: arguments.in_flight,
            rows: Kind::ALL.into_iter().zip(&groups).map(|(kind, ms)| Row::of(kind, ms)).collect(),
            told_apart: h > MOST_H_BY_CHANCE || distinct_answers.len() > 1,
            distinct_answers,
            h,
            greatest_difference_us: (quantile(&medians, 1.0) - quantile(&medians, 0.0)) * 1_000.0,
            spread_us: (quantile(&all, 0.9) - quantile(&all, 0.1)) * 1_000.0,
            statuses: samples.statuses(),
            unanswered: samples.unanswered,
        }
    }
}

impl Row {
    fn of(kind: Kind, sorted_ms: &[f64]) -> Self {
        let quantile_ms = |part| quantile(sorted_ms, part);
        Self {
            kind,
            n: sorted_ms.len(),
            min_ms: quantile_ms(0.0),
            p50_ms: quantile_ms(0.5),
            p90_ms: quantile_ms(0.9),
            p99_ms: quantile_ms(0.99),
            max_ms: quantile_ms(1.0),
        }
    }
}

impl Report for FailuresReport {
    fn print(&self) {
        let header = ["kind", "n", "min ms", "p50 ms", "p90 ms", "p99 ms", "max ms"];
        let rows = self.rows.iter().map(|row| {
            let numbers = [row.min_ms, row.p50_ms, row.p90_ms, row.p99_ms, row.max_ms];
            let mut cells = vec![row.kind.name().to_owned(), row.n.to_string()];
            cells.extend(numbers.map(|ms| format!("{ms:.3}")));
            cells
        });
        println!("{}", table(&header, 1, rows));
        let (in_flight, grace_ms) = (self.in_flight, self.grace_ms);
        println!("{in_flight} requests under way at once, in random order; grace {grace_ms} ms.\n");
        println!(
            "Distinct answers, but for date and x-request-id: {}",
            self.distinct_answers.len()
        );
        println!(
            "Medians differ by at most {:.0} µs; from first to last decile it is {:.0} µs.",
            self.greatest_difference_us, self.spread_us
        );
        println!(
            "Rank test (Kruskal-Wallis): H = {:.1}; chance exceeds {MOST_H_BY_CHANCE:.1} once in 1,000.",
            self.h
        );
        println!("Told apart: {}", if self.told_apart { "yes" } else { "no" });
    }

    /// That the kinds' durations differ is a finding, and by chance happens once in 1,000 runs.
    fn complaints(&self) -> Vec<String> {
        let unexpected = self.statuses.iter().filter(|(status, _)| **status != DECRYPT_FAILED);
        let mut complaints: Vec<String> = unexpected
            .map(|(status, count)| format!("{count} requests failed: status {status}"))
            .collect();
        let unanswered = self.unanswered.iter();
        complaints.extend(unanswered.map(|(how, count)| format!("{count} requests failed: {how}")));
        if self.distinct_answers.len() > 1 {
            for (answer, counts) in &self.distinct_answers {
                complaints.push(format!("kinds got this answer {counts:?} times:\n{answer}"));
            }
        }
        complaints
    }
}
