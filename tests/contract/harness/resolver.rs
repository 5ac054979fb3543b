//! The resolver of a server's machine, whose answers a test writes.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::TemporaryFile;

/// The name that it answers for.
pub const NAME: &str = "wechat.test";

pub struct Resolver(TemporaryFile);

impl Resolver {
    /// Each line is a family, milliseconds until the answer, and addresses, `fail`, or nothing.
    pub fn answering(lines: &str) -> Self {
        Self(TemporaryFile::new("answers", lines))
    }

    pub fn answer(&self, lines: &str) {
        // Whole at once, as it may be read at any moment.
        let next = self.0.beside("next");
        std::fs::write(&next, lines).expect("the temporary directory can be written");
        std::fs::rename(next, self.0.path()).expect("the temporary directory can be written");
    }

    /// What makes a server ask it.
    pub fn variables(&self) -> [(&'static str, &str); 2] {
        [("LD_PRELOAD", library()), ("RESOLVER_ANSWERS", self.0.path())]
    }
}

/// Built once. The C compiler is there, as Rust links with it.
fn library() -> &'static str {
    static LIBRARY: OnceLock<String> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/contract/harness/resolver.c");
        let name = format!("libresolver-{}.so", std::process::id());
        let library = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(&library)
            .args([source, "-ldl"])
            .status();
        assert!(built.is_ok_and(|status| status.success()), "cc builds {source}");
        library.to_str().expect("UTF-8").to_owned()
    })
}
