//! Tests that need what the server under test has not: they pass, and say so.

use std::fs::File;
use std::io::Write as _;
use std::thread;

/// Tells `scripts/test` that the test that runs now is skipped, and why.
#[expect(clippy::disallowed_methods, reason = "scripts/test tells by it where to write that")]
fn skip(reason: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    let line = format!("{test}: {reason}\n");
    print!("skipped: {line}");
    if let Ok(path) = std::env::var("WXAUTH_TEST_SKIPPED") {
        let file = File::options().create(true).append(true).open(&path);
        // One write, so that lines of several tests do not mix.
        file.and_then(|mut file| file.write_all(line.as_bytes())).expect(&path);
    }
}

/// Whether the server is ours alone, so that a test may change what is everybody's; if not, the test
/// is skipped.
#[expect(clippy::disallowed_methods, reason = "scripts/test tells by it where its server is")]
pub fn private_server() -> bool {
    let is_private = std::env::var_os("WXAUTH_TEST_DATABASE_PID").is_some();
    if !is_private {
        skip("it changes the settings of the whole server, which may be somebody else's");
    }
    is_private
}
