//! A server as a child process: started, its address read from its log, killed when dropped.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};

use crate::process::Process;

/// The server itself waits up to 30 seconds for its database.
const START_PATIENCE: Duration = Duration::from_secs(40);
const PAUSE: Duration = Duration::from_millis(20);
/// Lines of its log that are shown if it does not start.
const SHOWN_LINES: usize = 20;

pub struct ChildServer {
    child: Child,
    name: &'static str,
    log: PathBuf,
    address: SocketAddr,
}

impl ChildServer {
    /// Starts it with this log and returns when it says that it listens.
    pub fn start(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Self> {
        let file = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        Self::start_with(name, command.stdin(Stdio::null()).stderr(file), log)
    }

    /// The same with input and error output of the caller's; the latter must come to this log.
    pub fn start_with(name: &'static str, command: &mut Command, log: PathBuf) -> Result<Self> {
        let child = command
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let address = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut server = Self { child, name, log, address };
        server.address = server.wait_for_address()?;
        Ok(server)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn process(&self) -> Process {
        Process::with_children(self.child.id())
    }

    /// Sends SIGTERM, and returns how long it took to end, and how.
    pub fn terminate(&mut self) -> Result<(Duration, ExitStatus)> {
        let begun = Instant::now();
        Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .context("cannot run kill")?;
        let status = self.child.wait()?;
        Ok((begun.elapsed(), status))
    }

    /// The last lines of its log, indented.
    pub fn end_of_log(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let first = lines.len().saturating_sub(SHOWN_LINES);
        lines.iter().skip(first).map(|line| format!("    {line}\n")).collect()
    }

    fn wait_for_address(&mut self) -> Result<SocketAddr> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            // Asked first, so that what it wrote before it ended is read below.
            let has_ended = self.child.try_wait()?.is_some();
            if let Some(address) = read_address(&self.log) {
                return Ok(address);
            }
            if has_ended || Instant::now() > deadline {
                let (name, log) = (self.name, self.end_of_log());
                return Err(anyhow!("{name} did not start; the end of its log:\n{log}"));
            }
            sleep(PAUSE);
        }
    }
}

impl Drop for ChildServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_address(log: &Path) -> Option<SocketAddr> {
    let text = fs::read_to_string(log).ok()?;
    let (_, rest) = text.split_once("listening on http://")?;
    // A line that is not ended may still lack digits of the port.
    let (address, _) = rest.split_once('\n')?;
    address.trim().parse().ok()
}
