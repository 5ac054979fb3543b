//! The file of rows that cannot be imported: the line, the reason, and the row as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Writer, WriterBuilder};

use crate::commands::outcome::Result;

/// For its owner only: the rows hold keys and phones.
const MODE: u32 = 0o600;
const FIRST_COLUMNS: [&str; 2] = ["line", "reason"];
const STANDARD_OUTPUT: &str = "-";

/// Written from the first rejected row on; where there is none, that of an earlier run goes.
pub struct Rejects {
    path: PathBuf,
    header: ByteRecord,
    writer: Option<Writer<Box<dyn Write>>>,
}

impl Rejects {
    /// Beside the input where no path is given. A file that is there is replaced only if it is one
    /// of ours.
    pub fn new(path: Option<PathBuf>, input: &Path, header: &ByteRecord) -> Result<Self> {
        let path = path.unwrap_or_else(|| match input == Path::new("-") {
            true => PathBuf::from("stdin.rejected.csv"),
            false => input.with_extension("rejected.csv"),
        });
        let rejects = Self { path, header: header.clone(), writer: None };
        let name = rejects.path.display();
        let is_free = rejects.is_standard_output()
            || is_ours_or_absent(&rejects.path, input)
                .map_err(|error| format!("{name}: {error}"))?;
        if !is_free {
            return Err(format!(
                "{name} is there already and is no list of rejected rows: choose another --rejects"
            )
            .into());
        }
        Ok(rejects)
    }

    /// Then nothing else is for standard output.
    pub fn is_standard_output(&self) -> bool {
        self.path == Path::new(STANDARD_OUTPUT)
    }

    pub fn add(&mut self, reason: &str, record: &ByteRecord) -> Result<()> {
        let line = record.position().map_or(0, csv::Position::line).to_string();
        let row = [line.as_bytes(), reason.as_bytes()].into_iter().chain(record);
        let written = match &mut self.writer {
            Some(writer) => writer.write_record(row),
            None => self.begin().and_then(|writer| writer.write_record(row)),
        };
        written.map_err(|error| self.unwritable(&error).into())
    }

    /// The file's name, if there is anything in it.
    pub fn finish(mut self) -> Result<Option<PathBuf>> {
        if let Some(writer) = &mut self.writer {
            let written = writer.flush();
            return written
                .map(|()| Some(self.path.clone()))
                .map_err(|e| self.unwritable(&e).into());
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(self.unwritable(&error).into())
            }
            _ => Ok(None),
        }
    }

    fn begin(&mut self) -> csv::Result<&mut Writer<Box<dyn Write>>> {
        let output: Box<dyn Write> = if self.is_standard_output() {
            Box::new(io::stdout())
        } else {
            let mut options = OpenOptions::new();
            let options = options.write(true).create(true).truncate(true).mode(MODE);
            Box::new(options.open(&self.path)?)
        };
        let mut writer = WriterBuilder::new().flexible(true).from_writer(output);
        writer.write_record(FIRST_COLUMNS.map(str::as_bytes).into_iter().chain(&self.header))?;
        Ok(self.writer.insert(writer))
    }

    fn unwritable(&self, error: &dyn std::fmt::Display) -> String {
        format!("{} cannot be written: {error}; choose another --rejects", self.path.display())
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
