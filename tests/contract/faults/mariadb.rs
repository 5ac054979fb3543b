//! A MariaDB of a test's own, which it may kill, freeze and fill.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use crate::harness::TemporaryFile;

/// For a start, with recovery, on a slow disk; never reached where it starts.
const START_PATIENCE: Duration = Duration::from_secs(60);
const START_PAUSE: Duration = Duration::from_millis(50);
/// Below the ports that systems give to outgoing connections, so that a restart finds it free.
const PORTS: std::ops::Range<u16> = 12_000..20_000;

static INSTALLING: Mutex<()> = Mutex::new(());

/// Killed and removed when dropped.
pub struct Mariadb {
    /// Stands beside the data directory, that for temporary tables, the socket and the log.
    init_file: TemporaryFile,
    port: u16,
    password: String,
    options: Vec<String>,
    process: Option<Child>,
}

impl Mariadb {
    /// With more options of `mariadbd`.
    pub fn start(options: &[&str]) -> Self {
        let password = format!("{:032x}", fastrand::u128(..));
        // Spares those who read process lists the password.
        let grant = format!(
            "GRANT ALL PRIVILEGES ON *.* TO 'wxauth'@'127.0.0.1' IDENTIFIED BY '{password}' WITH GRANT OPTION;\n"
        );
        let init_file = TemporaryFile::new("init.sql", grant);
        copy(&installed(), &init_file.beside("data"));
        create(&init_file.beside("tmp"));
        let port = free_port();
        let mut mariadb = Self { init_file, port, password, options: Vec::new(), process: None };
        mariadb.set_options(options);
        mariadb.start_again();
        mariadb
    }

    /// `mysql://user:password@host:port`
    pub fn url(&self) -> String {
        format!("mysql://wxauth:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// For the next start.
    pub fn set_options(&mut self, options: &[&str]) {
        self.options = options.iter().map(|option| (*option).to_owned()).collect();
    }

    /// Starts on the same data and port, and returns when it answers.
    pub fn start_again(&mut self) {
        self.spawn();
        self.wait_until(|url| MysqlConnection::establish(url).is_ok());
    }

    /// The same for one that would not let us in: returns when it listens.
    pub fn start_again_without_asking(&mut self) {
        self.spawn();
        let address = format!("127.0.0.1:{}", self.port);
        self.wait_until(|_| TcpStream::connect(&address).is_ok());
    }

    fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.expect("the temporary directory can be written");
        // Should the test be killed, so is the database.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "mariadbd", "--no-defaults"])
            .args(as_root())
            .arg(format!("--datadir={}", self.init_file.beside("data").display()))
            // In one that others use, it would remove their temporary tables.
            .arg(format!("--tmpdir={}", self.init_file.beside("tmp").display()))
            .arg(format!("--socket={}", self.init_file.beside("socket").display()))
            .arg(format!("--init-file={}", self.init_file.path()))
            .arg(format!("--port={}", self.port))
            .args(["--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"])
            .args(["--character-set-server=utf8mb4", "--performance-schema=OFF"])
            .args(["--innodb-buffer-pool-size=16M", "--innodb-log-file-size=4M"])
            .args(["--innodb-buffer-pool-dump-at-shutdown=OFF", "--innodb-use-native-aio=0"])
            // Commits reach the operating system, so they survive a kill; none waits for the disk.
            .args(["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            .spawn()
            .expect("mariadbd is installed: run the tests with scripts/test");
        self.process = Some(process);
    }

    /// Lets it end in good order.
    pub fn shut_down(&mut self) {
        let url = format!("{}/mysql", self.url());
        let mut connection = MysqlConnection::establish(&url).expect("the database answers");
        // The answer may be lost with the connection.
        let _ = diesel::sql_query("SHUTDOWN").execute(&mut connection);
        let ended = self.process.take().expect("it runs").wait();
        assert!(ended.is_ok_and(|status| status.success()), "{}", self.end_of_log());
    }

    /// kill -9
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// It keeps its sockets, and answers nothing, until it is thawed.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        let pid = self.process.as_ref().expect("it runs").id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill -s {name}");
    }

    fn wait_until(&mut self, is_there: impl Fn(&str) -> bool) {
        let url = format!("{}/mysql", self.url());
        let deadline = Instant::now() + START_PATIENCE;
        while !is_there(&url) {
            let process = self.process.as_mut().expect("it was started");
            let ended = process.try_wait().expect("the process is ours");
            let is_late = Instant::now() >= deadline;
            assert!(ended.is_none() && !is_late, "no MariaDB:\n{}", self.end_of_log());
            std::thread::sleep(START_PAUSE);
        }
    }

    fn log(&self) -> PathBuf {
        self.init_file.beside("log")
    }

    fn end_of_log(&self) -> String {
        const LINES: usize = 30;
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

impl Drop for Mariadb {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the log of MariaDB:\n{}", self.end_of_log());
        }
        self.kill();
    }
}

fn free_port() -> u16 {
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    std::iter::repeat_with(|| fastrand::u16(PORTS)).find(is_free).expect("the search goes on")
}

/// A data directory as it is after installation. Takes seconds, so it is kept in cargo's own
/// directory for the version that made it.
fn installed() -> PathBuf {
    let _installing = INSTALLING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mariadb-{}", version()));
    if !kept.exists() {
        // mariadb-install-db stumbles over spaces in a path.
        let log = TemporaryFile::new("log", "");
        let data = log.beside("data");
        install(&data);
        let unfinished = kept.with_extension(std::process::id().to_string());
        copy(&data, &unfinished);
        // Another process may have been faster.
        if fs::rename(&unfinished, &kept).is_err() {
            fs::remove_dir_all(&unfinished).expect("the directory is ours");
        }
    }
    kept
}

fn version() -> String {
    let output = Command::new("mariadbd").arg("--version").output();
    let output = output.expect("mariadbd is installed: run the tests with scripts/test");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.split_whitespace().skip_while(|word| *word != "Ver").nth(1);
    let version = version.unwrap_or_else(|| panic!("no version in {text:?}"));
    version.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-")
}

fn install(data: &Path) {
    let tmp = data.with_file_name("tmp");
    create(&tmp);
    let output = Command::new("mariadb-install-db")
        .args(["--no-defaults", "--skip-test-db", "--force"])
        .args(as_root())
        .args(["--auth-root-authentication-method=socket", "--auth-root-socket-user=root"])
        .args(["--innodb-log-file-size=4M", "--innodb-flush-method=nosync"])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--tmpdir={}", tmp.display()))
        .stdin(Stdio::null())
        .output()
        .expect("mariadb-install-db is installed: run the tests with scripts/test");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mariadb-install-db failed: {text}");
}

/// MariaDB refuses to run as root unless told to.
fn as_root() -> Option<&'static str> {
    let process = fs::metadata("/proc/self").expect("Linux has /proc");
    (process.uid() == 0).then_some("--user=root")
}

fn create(directory: &Path) {
    fs::create_dir(directory).expect("the temporary directory can be written");
}

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args(["-r", "--reflink=auto", "--"]).arg(from).arg(to).status();
    assert!(copied.is_ok_and(|status| status.success()), "cp {} failed", from.display());
}
