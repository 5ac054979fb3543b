//! The database's client program, and what it needs to know.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

static CREATED: AtomicU32 = AtomicU32::new(0);

/// An option file of the client, which spares those who read process lists the password; removed
/// when dropped.
pub struct OptionFile(PathBuf);

impl OptionFile {
    /// `address` is `host:port`.
    pub fn of(user: &str, password: &str, address: &str) -> Self {
        let (host, port) = address.split_once(':').expect("host:port");
        let number = CREATED.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wxauth-{}-{number}.cnf", std::process::id()));
        let text = format!(
            "[client]\nprotocol = tcp\nhost = {host}\nport = {port}\nuser = {user}\npassword = {password}\n"
        );
        std::fs::write(&path, text).expect("the temporary directory can be written");
        Self(path)
    }

    /// The client's option that names it.
    pub fn option(&self) -> String {
        format!("--defaults-file={}", self.0.display())
    }

    /// What the client prints for a statement: a line a row, cells with tabs between them, the
    /// columns' names first.
    pub fn run(&self, database: &str, statement: &str) -> String {
        let arguments = [&self.option(), "--batch", "--execute", statement, database];
        let output = Command::new("mariadb").args(arguments).output();
        let output = output.expect("mariadb is installed: run the tests with scripts/test");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statement}: {error}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for OptionFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
