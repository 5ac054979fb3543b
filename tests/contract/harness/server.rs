//! A wxauth process: the real binary, its variables, its log.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::os::fd::AsFd;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::http::Client;

/// For what must come, such as a line in the log; never reached where the server works.
const PATIENCE: Duration = Duration::from_secs(40);

/// Killed when dropped.
pub struct Server {
    child: Child,
    log: Arc<Log>,
    base_url: String,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Lines>,
    grown: Condvar,
}

#[derive(Default)]
struct Lines {
    text: Vec<String>,
    is_closed: bool,
}

impl Server {
    /// Starts `wxauth serve --migrate` and returns when it listens.
    pub fn start(world: &[(&'static str, String)], variables: &[(&str, &str)]) -> Self {
        Self::spawn(&["serve", "--migrate"], world, variables).listening()
    }

    /// The same on a socket that it is handed, by the protocol of systemd: as file 3, with the pid of
    /// the process that is to take it in a variable. It may be a unix socket.
    pub fn start_on(listener: &impl AsFd, world: &[(&'static str, String)]) -> Self {
        Self::spawn_on(listener, 1, world).listening()
    }

    /// The same with as many copies of the socket, and does not wait.
    pub fn spawn_on(listener: &impl AsFd, count: u32, world: &[(&'static str, String)]) -> Self {
        let listener = listener.as_fd().try_clone_to_owned().expect("a file is left");
        let mut command = Command::new("/bin/sh");
        let files = "LISTEN_FDS=$1 LISTEN_PID=$$ exec \"$0\" serve --migrate 3<&0 4<&0 0</dev/null";
        command
            .args(["-c", files, env!("CARGO_BIN_EXE_wxauth"), &count.to_string()])
            .stdin(listener);
        let environment = world.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self::run(command, environment)
    }

    /// Starts one that may open so few files, which bounds its connections.
    pub fn start_with_few_files(files: u32, world: &[(&'static str, String)]) -> Self {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &format!("ulimit -n {files}; exec \"$0\" serve --migrate")])
            .arg(env!("CARGO_BIN_EXE_wxauth"))
            .stdin(Stdio::null());
        let environment = world.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Self::run(command, environment).listening()
    }

    fn listening(mut self) -> Self {
        let line = self.wait_for_line("listening on ");
        let (_, address) = line.split_once("listening on ").unwrap_or_default();
        address.split('"').next().unwrap_or_default().clone_into(&mut self.base_url);
        self
    }

    /// Starts any command, and does not wait.
    pub fn spawn(
        arguments: &[&str],
        world: &[(&'static str, String)],
        variables: &[(&str, &str)],
    ) -> Self {
        let mut environment: HashMap<&str, &str> =
            world.iter().map(|(name, value)| (*name, value.as_str())).collect();
        environment.extend(variables.iter().copied());
        let mut command = Command::new(env!("CARGO_BIN_EXE_wxauth"));
        command.args(arguments).stdin(Stdio::null());
        Self::run(command, environment)
    }

    fn run(mut command: Command, environment: HashMap<&str, &str>) -> Self {
        let mut child = command
            .env_clear()
            .envs(environment)
            // Away from a developer's .env.
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wxauth starts");
        let log = Arc::new(Log::default());
        let stderr = child.stderr.take().expect("stderr is piped");
        let filling = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                filling.lines.lock().expect("no thread panics").text.push(line);
                filling.grown.notify_all();
            }
            filling.lines.lock().expect("no thread panics").is_closed = true;
            filling.grown.notify_all();
        });
        Self { child, log, base_url: String::new() }
    }

    /// For a server that was spawned, with its line in the log that holds its address.
    pub fn client_at(&self, line: &str) -> Client {
        Client::new(&url_in(line))
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base_url)
    }

    /// `http://host:port`, for pages that are played elsewhere.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// `host:port`, for tests that speak TCP themselves, or `unix:` and a path.
    pub fn address(&self) -> &str {
        self.base_url.trim_start_matches("http://")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The first line, past or to come, that holds the text. Blocks the thread.
    #[track_caller]
    pub fn wait_for_line(&self, text: &str) -> String {
        self.log.wait_for_line(text)
    }

    /// The same, while the test's own requests go on.
    pub async fn line(&self, text: &'static str) -> String {
        let log = Arc::clone(&self.log);
        let waiting = actix_rt::task::spawn_blocking(move || log.wait_for_line(text));
        waiting.await.expect("the line comes")
    }

    /// Everything that was logged until now.
    pub fn log(&self) -> String {
        // It is also read while a test that waited for a line panics.
        self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).text.join("\n")
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    /// The same as [`Server::wait`], but for no longer; without a status it still runs.
    pub fn wait_at_most(mut self, patience: Duration) -> (Option<ExitStatus>, String) {
        const PAUSE: Duration = Duration::from_millis(20);
        let deadline = Instant::now() + patience;
        let mut status = None;
        while status.is_none() && Instant::now() < deadline {
            thread::sleep(PAUSE);
            status = self.child.try_wait().expect("the process is ours");
        }
        (status, self.log())
    }

    /// Waits until the process ends by itself, and returns how, and its whole log.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("the process is ours");
        let mut lines = self.log.lines.lock().expect("no thread panics");
        while !lines.is_closed {
            lines = self.log.grown.wait(lines).expect("no thread panics");
        }
        let log = lines.text.join("\n");
        drop(lines);
        (status, log)
    }
}

/// The most memory that a process has held, in MiB.
pub fn peak_memory_mib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("a peak");
    let kib = line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number") / 1_024
}

/// The URL with which a line or its message ends, in either form of the log.
fn url_in(line: &str) -> String {
    let (_, rest) = line.rsplit_once("http://").expect("the line holds a URL");
    format!("http://{}", rest.split('"').next().unwrap_or_default())
}

impl Log {
    #[track_caller]
    fn wait_for_line(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.lines.lock().expect("no thread panics");
        loop {
            if let Some(line) = lines.text.iter().find(|line| line.contains(text)) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !lines.is_closed && !left.is_zero(),
                "no line with {text:?} in the log:\n{}",
                lines.text.join("\n")
            );
            lines = self.grown.wait_timeout(lines, left).expect("no thread panics").0;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("the log of wxauth:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
