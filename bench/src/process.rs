//! What the kernel knows of a process: its CPU time, its memory, its open files; and of the machine's
//! cores.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// What Linux counts CPU time in towards programs, on every architecture that Rust runs on.
const TICKS_A_SECOND: u32 = 100;
/// Where utime and stime stand behind the program's name; proc(5) counts from two before.
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
/// Where the time that was stolen stands in the line of all cores; proc(5).
const STOLEN_TIME: usize = 7;
/// Makes the kernel forget the peak of a process's memory; proc(5).
const RESET_PEAK: &str = "5";

#[derive(Clone, Copy)]
pub struct Process {
    pid: u32,
    with_children: bool,
}

impl Process {
    pub fn new(pid: u32) -> Self {
        Self { pid, with_children: false }
    }

    /// One that does its work in processes of its own: all of it counts.
    pub fn with_children(pid: u32) -> Self {
        Self { pid, with_children: true }
    }

    pub fn this() -> Self {
        Self::new(std::process::id())
    }

    /// Of all threads, also those that have ended, in steps of 10 ms.
    pub fn cpu_time(self) -> Result<Duration> {
        let stat = self.read("stat")?;
        let ticks = cpu_ticks(&stat).with_context(|| format!("cannot read {stat:?}"))?;
        let own = Duration::from_secs(ticks) / TICKS_A_SECOND;
        self.children()?.into_iter().try_fold(own, |sum, child| Ok(sum + child.cpu_time()?))
    }

    /// The most memory it has held since [`Process::forget_peak`], with each child's own peak.
    pub fn peak_memory_bytes(self) -> Result<u64> {
        self.memory("VmHWM")
    }

    /// What it holds now.
    pub fn memory_bytes(self) -> Result<u64> {
        self.memory("VmRSS")
    }

    fn memory(self, name: &str) -> Result<u64> {
        let status = self.read("status")?;
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        let own = kibibytes.with_context(|| format!("the kernel tells no {name}"))? * 1_024;
        self.children()?.into_iter().try_fold(own, |sum, child| Ok(sum + child.memory(name)?))
    }

    /// Where the kernel does not allow it, the peak is that since the start.
    pub fn forget_peak(self) {
        let _ = fs::write(self.path("clear_refs"), RESET_PEAK);
        for child in self.children().unwrap_or_default() {
            child.forget_peak();
        }
    }

    /// Those that it started and that run, where they count.
    fn children(self) -> Result<Vec<Self>> {
        if !self.with_children {
            return Ok(Vec::new());
        }
        let pids = self.read(&format!("task/{}/children", self.pid))?;
        Ok(pids.split_whitespace().filter_map(|pid| pid.parse().ok()).map(Self::new).collect())
    }

    /// Among them its connections.
    pub fn open_files(self) -> Result<usize> {
        let path = self.path("fd");
        Ok(fs::read_dir(&path).with_context(|| format!("cannot read {path}"))?.count())
    }

    fn read(self, file: &str) -> Result<String> {
        let path = self.path(file);
        fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))
    }

    fn path(self, file: &str) -> String {
        format!("/proc/{}/{file}", self.pid)
    }
}

/// What all cores together have counted since the machine started, in the kernel's ticks.
pub struct CoreTime {
    all: u64,
    /// Ready to run on a virtual machine whose host ran others.
    stolen: u64,
}

impl CoreTime {
    pub fn now() -> Result<Self> {
        let stat = fs::read_to_string("/proc/stat").context("cannot read /proc/stat")?;
        Self::read(&stat).context("cannot read the cores' time in /proc/stat")
    }

    /// proc(5): the first eight exclude each other, and the eighth is what was stolen.
    fn read(stat: &str) -> Option<Self> {
        let fields = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Result<Vec<u64>, _> =
            fields.split_whitespace().take(STOLEN_TIME + 1).map(str::parse).collect();
        let ticks = ticks.ok()?;
        Some(Self { all: ticks.iter().sum(), stolen: *ticks.get(STOLEN_TIME)? })
    }

    /// The share of the time since then that was stolen.
    pub fn stolen_percent_since(&self, earlier: &Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        100.0 * self.stolen.saturating_sub(earlier.stolen) as f64 / all as f64
    }
}

fn cpu_ticks(stat: &str) -> Option<u64> {
    // The name stands in parentheses and may itself hold spaces and parentheses.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(ticks(USER_TIME)? + ticks(SYSTEM_TIME)?)
}
