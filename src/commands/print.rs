//! What commands print: tables for people, JSON for scripts.

use std::io::{self, Write as _};

use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use console::Term;
use serde::Serialize;

use super::outcome::{Outcome, Result};

/// Prints text and a line's end. Whoever closes the pipe has read enough, so that is no error.
pub fn print(text: &str) -> Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The same to standard error, where standard output is for something else.
pub fn print_aside(text: &str) -> Result<()> {
    Ok(writeln!(io::stderr(), "{text}")?)
}

/// Says so to people, if they listen; scripts have the exit code.
pub fn nothing_found() -> Result<Outcome> {
    let _ = print_aside("nothing found");
    Ok(Outcome::NothingFound)
}

pub fn print_json(value: &impl Serialize) -> Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// A table that fits the terminal; where there is none, each row is one line.
pub fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for row in rows {
        table.add_row(row);
    }
    if let Some((_, width)) = Term::stdout().size_checked() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    table.to_string()
}
