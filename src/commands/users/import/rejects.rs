//! The file of rows that cannot be imported: the line, the reason, and the row as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Writer, WriterBuilder};

use crate::commands::outcome::Result;

/// For its owner only: the rows hold keys and phones.
const MODE: u32 = 0o600;
const FIRST_COLUMNS: [&str; 2] = ["line", "reason"];

/// Written anew by each run, and removed where nothing was rejected.
pub struct Rejects {
    path: PathBuf,
    writer: Writer<BufWriter<File>>,
    count: u64,
}

impl Rejects {
    /// Beside the input where no path is given. A file that is there is replaced only if it is one
    /// of ours.
    pub fn create(path: Option<PathBuf>, input: &Path, header: &ByteRecord) -> Result<Self> {
        let path = path.unwrap_or_else(|| match input == Path::new("-") {
            true => PathBuf::from("stdin.rejected.csv"),
            false => input.with_extension("rejected.csv"),
        });
        let name = path.display();
        if !is_ours_or_absent(&path, input).map_err(|error| format!("{name}: {error}"))? {
            return Err(format!(
                "{name} is there already and is no list of rejected rows: choose another --rejects"
            )
            .into());
        }
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&path);
        let file = file.map_err(|error| format!("{name} cannot be written: {error}"))?;
        let writer = WriterBuilder::new().flexible(true).from_writer(BufWriter::new(file));
        let mut rejects = Self { path, writer, count: 0 };
        rejects.write(FIRST_COLUMNS.map(str::as_bytes).into_iter().chain(header))?;
        Ok(rejects)
    }

    pub fn add(&mut self, reason: &str, record: &ByteRecord) -> Result<()> {
        self.count += 1;
        let line = record.position().map_or(0, csv::Position::line).to_string();
        self.write([line.as_bytes(), reason.as_bytes()].into_iter().chain(record))
    }

    /// The file's name, if there is anything in it.
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        let path = self.path.clone();
        self.writer.flush().map_err(|error| self.unwritable(&error))?;
        if self.count > 0 {
            return Ok(Some(path));
        }
        fs::remove_file(&path).map_err(|error| self.unwritable(&error))?;
        Ok(None)
    }

    fn write<'a>(&mut self, fields: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let written = self.writer.write_record(fields);
        written.map_err(|error| self.unwritable(&error).into())
    }

    fn unwritable(&self, error: &dyn std::fmt::Display) -> String {
        format!("{} cannot be written: {error}", self.path.display())
    }
}

fn is_ours_or_absent(path: &Path, input: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    // The rejected rows of an earlier import may be what is imported now.
    if fs::canonicalize(input)
        .is_ok_and(|input| fs::canonicalize(path).is_ok_and(|path| path == input))
    {
        return Ok(false);
    }
    let mut first_line = String::new();
    BufReader::new(file).read_line(&mut first_line)?;
    Ok(first_line.is_empty() || first_line.starts_with(&FIRST_COLUMNS.join(",")))
}
