//! What a mode hands back: printed for people or as JSON, with what went wrong.

use anyhow::Result;
use serde::Serialize;

pub trait Report: Serialize {
    /// Tables for people, on standard output.
    fn print(&self);

    /// A sentence for each thing that should not have happened.
    fn complaints(&self) -> Vec<String>;
}

#[derive(Serialize)]
struct Json<'a, R> {
    mode: &'static str,
    /// Of this machine; server, database and load share them.
    cores: usize,
    #[serde(flatten)]
    report: &'a R,
    complaints: &'a [String],
}

/// Shows a report, and returns whether nothing went wrong.
pub fn show<R: Report>(mode: &'static str, report: &R, json: bool) -> Result<bool> {
    let complaints = report.complaints();
    if json {
        let cores = std::thread::available_parallelism()?.get();
        println!(
            "{}",
            serde_json::to_string(&Json { mode, cores, report, complaints: &complaints })?
        );
    } else {
        report.print();
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    Ok(complaints.is_empty())
}
