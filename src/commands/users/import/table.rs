//! The file: which column is which, and its records one after the other.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use csv::{ByteRecord, ReaderBuilder};

use crate::commands::outcome::Result;

/// Names of columns, in lower case and without anything between the words.
const OPENID: &[&str] = &["openid"];
const SESSION_KEY: &[&str] = &["sessionkey"];
const PHONE: &[&str] = &["phone", "phonenumber", "mobile"];
const COUNTRY_CODE: &[&str] = &["countrycode"];
const CREATED_AT: &[&str] = &["createdat", "createdtime", "createtime", "created"];

/// Where in a record each value is.
#[derive(Debug, Clone, Copy)]
pub struct Columns {
    /// How many there are, those that nobody asks for too.
    pub count: usize,
    pub openid: usize,
    pub session_key: Option<usize>,
    pub phone: Option<usize>,
    pub country_code: Option<usize>,
    pub created_at: Option<usize>,
}

/// A CSV file behind its header.
pub struct Table {
    name: String,
    reader: csv::Reader<Box<dyn Read>>,
    header: ByteRecord,
    columns: Columns,
    length: Option<u64>,
}

impl Table {
    /// `-` is standard input.
    pub fn open(path: &Path) -> Result<Self> {
        let name = path.display().to_string();
        let (input, length): (Box<dyn Read>, _) = match path == Path::new("-") {
            true => (Box::new(io::stdin()), None),
            false => {
                let file = File::open(path).map_err(|error| unreadable(&name, &error))?;
                let metadata = file.metadata().map_err(|error| unreadable(&name, &error))?;
                (Box::new(file), Some(metadata.len()).filter(|_| metadata.is_file()))
            }
        };
        // A record of another length is a bad row, not the end of everything.
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(input);
        let header = reader.byte_headers().map_err(|error| unreadable(&name, &error))?.clone();
        require_utf8(&name, &header)?;
        let columns = columns(&name, &header)?;
        Ok(Self { name, reader, header, columns, length })
    }

    pub fn header(&self) -> &ByteRecord {
        &self.header
    }

    pub fn columns(&self) -> Columns {
        self.columns
    }

    /// The names of the columns that nobody asks for.
    pub fn ignored(&self) -> Vec<String> {
        let Columns { openid, session_key, phone, country_code, created_at, .. } = self.columns;
        let used = [Some(openid), session_key, phone, country_code, created_at];
        let names =
            self.header.iter().enumerate().filter(|(index, _)| !used.contains(&Some(*index)));
        names.map(|(_, name)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    /// In bytes, where it is known.
    pub fn length(&self) -> Option<u64> {
        self.length
    }

    pub fn position(&self) -> u64 {
        self.reader.position().byte()
    }

    /// Reads the next record; false at the end.
    pub fn read(&mut self, record: &mut ByteRecord) -> Result<bool> {
        let read = self.reader.read_byte_record(record);
        read.map_err(|error| unreadable(&self.name, &error).into())
    }
}

/// Refuses a file whose first line is in another encoding: what would be read of it is not what
/// stands there. UTF-16 has a zero byte beside each of our letters.
fn require_utf8(name: &str, header: &ByteRecord) -> Result<()> {
    let bytes = header.as_slice();
    let is_utf16 =
        bytes.contains(&0) || bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    if is_utf16 || str::from_utf8(bytes).is_err() {
        let encoding = if is_utf16 { "it is in UTF-16" } else { "it is not UTF-8, perhaps GBK" };
        return Err(format!("{name} cannot be read: {encoding}; save it as CSV in UTF-8").into());
    }
    Ok(())
}

/// Names no value: where the header is missing, it is a row, with a key in it perhaps.
fn columns(name: &str, header: &ByteRecord) -> Result<Columns> {
    if header.iter().all(<[u8]>::is_empty) {
        return Err(format!("{name} is empty; its first line must name the columns").into());
    }
    let names: Vec<String> = header.iter().map(column_name).collect();
    let find = |aliases: &[&str]| -> Result<Option<usize>> {
        let is_it = |(_, name): &(usize, &String)| aliases.contains(&name.as_str());
        let mut found = names.iter().enumerate().filter(is_it).map(|(index, _)| index);
        match (found.next(), found.next()) {
            (_, Some(_)) => {
                let column = aliases.first().unwrap_or(&"");
                Err(format!("{name} has more than one column for {column}").into())
            }
            (first, None) => Ok(first),
        }
    };
    let openid = find(OPENID)?.ok_or_else(|| {
        format!(
            "{name} has no column openid: its first line must name the columns, with commas between"
        )
    })?;
    Ok(Columns {
        count: names.len(),
        openid,
        session_key: find(SESSION_KEY)?,
        phone: find(PHONE)?,
        country_code: find(COUNTRY_CODE)?,
        created_at: find(CREATED_AT)?,
    })
}

/// `Phone Number`, `phone_number` and `phoneNumber` are the same; so they are behind the mark that
/// some programs write before the first.
fn column_name(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn unreadable(name: &str, error: &dyn std::fmt::Display) -> String {
    format!("{name} cannot be read: {error}")
}
