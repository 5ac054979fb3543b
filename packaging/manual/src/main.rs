//! Writes wxauth's man pages and shell completions, made from its command line, into a directory.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::{CommandFactory as _, Parser};
use clap_complete::{Shell, generate_to};
use wxauth::commands::Arguments as WxauthArguments;

/// Writes wxauth's man pages and shell completions.
#[derive(Parser)]
struct Arguments {
    /// Where the files go; it is made if it is not there
    directory: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = Arguments::parse().directory;
    fs::create_dir_all(&directory)?;
    let mut command = WxauthArguments::command();
    clap_mangen::generate_to(command.clone(), &directory)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, "wxauth", &directory)?;
    }
    Ok(())
}
