//! A command of wxauth that ends by itself: what it printed, and its exit code.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static CREATED: AtomicU32 = AtomicU32::new(0);

pub struct Finished {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    pub fn of(arguments: &[&str], variables: &[(&'static str, String)], stdin: &[u8]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_wxauth"))
            .args(arguments)
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            // Away from a developer's .env.
            .current_dir(std::env::temp_dir())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("wxauth starts");
        // One that ends early reads nothing of it.
        let _ = child.stdin.take().expect("stdin is piped").write_all(stdin);
        let output = child.wait_with_output().expect("the process is ours");
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    #[track_caller]
    pub fn assert_ok(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {}{}", self.stdout, self.stderr))
    }
}

/// A file in a directory of its own; both are removed when dropped.
pub struct TemporaryFile {
    directory: PathBuf,
    path: PathBuf,
}

impl TemporaryFile {
    pub fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("wxauth-test-{}-{number}", std::process::id()));
        std::fs::create_dir(&directory).expect("the temporary directory can be written");
        let path = directory.join(name);
        std::fs::write(&path, content).expect("the temporary directory can be written");
        Self { directory, path }
    }

    pub fn path(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }

    /// Another file in the same directory.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    pub fn read_beside(&self, name: &str) -> Option<String> {
        read(&self.beside(name))
    }
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
