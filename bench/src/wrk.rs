//! The same load by `wrk`, so that nobody has to trust ours.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufWriter, Write as _};
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::load::{Counter, Measured, grown, latencies, read};
use crate::rig::directory;

/// Sends one body after the other, and tells in the end what it saw: microseconds, requests, errors,
/// then each latency with how often it was seen.
const SCRIPT: &str = r#"
local bodies, requests, last = {}, {}, 0

function init(arguments)
  for body in io.lines(arguments[1]) do bodies[#bodies + 1] = body end
  local headers = { ["Content-Type"] = "application/json" }
  for index, body in ipairs(bodies) do requests[index] = wrk.format("POST", nil, headers, body) end
  bodies = nil
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format("%d %d %d\n", summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
  for index = 1, #latency do
    local value, count = latency(index)
    io.stderr:write(string.format("%d %d\n", value, count))
  end
end
"#;

/// Has the bodies sent to an address, a URL's path included, over so many connections by one thread.
pub fn run(
    address: SocketAddr,
    path: &str,
    bodies: impl Iterator<Item = String>,
    connections: u16,
    duration: Duration,
    counters: &[Counter],
) -> Result<Measured> {
    let (script, file) = (directory()?.join("wrk.lua"), directory()?.join("bodies"));
    fs::write(&script, SCRIPT).context("cannot write the script")?;
    let mut lines = BufWriter::new(fs::File::create(&file).context("cannot write the bodies")?);
    for body in bodies {
        writeln!(lines, "{body}")?;
    }
    lines.flush()?;

    let before = read(counters)?;
    let output = Command::new("wrk")
        .args(["--threads", "1", "--connections", &connections.to_string()])
        .args(["--duration", &format!("{}s", duration.as_secs())])
        .arg("--script")
        .arg(&script)
        .arg(format!("http://{address}{path}"))
        .arg(&file)
        .output()
        .context("cannot run wrk")?;
    let after = read(counters)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "wrk failed: {}", said.trim());
    measured(&said, grown(&before, &after)).context("wrk's figures cannot be read")
}

fn measured(said: &str, counted: Vec<f64>) -> Result<Measured> {
    let mut lines = said.lines().map(|line| {
        line.split(' ').map(|number| Ok(number.parse()?)).collect::<Result<Vec<u64>>>()
    });
    let summary = lines.next().context("nothing")??;
    let &[elapsed, bad_status, broken] = summary.as_slice() else { bail!("no summary") };
    let mut latencies = latencies()?;
    for line in lines {
        let &[latency, count] = line?.as_slice() else { bail!("no latency") };
        latencies.saturating_record_n(latency, count);
    }
    let not_ok = [("a bad status", bad_status), ("the connection", broken)];
    let not_ok = not_ok.into_iter().filter(|(_, count)| *count > 0);
    Ok(Measured {
        latencies,
        elapsed: Duration::from_micros(elapsed),
        counted,
        not_ok: not_ok.map(|(how, count)| (how.to_owned(), count)).collect::<BTreeMap<_, _>>(),
    })
}
