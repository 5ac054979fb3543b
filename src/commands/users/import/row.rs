//! A record becomes a row whose values are valid, or a reason why it cannot.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use csv::ByteRecord;

use super::phone::{self, Phones};
use super::table::Columns;
use crate::store::ImportedRow;
use crate::values::{OpenId, SessionKey};

/// What exports write where there is no value, in any case.
const NOTHING: &[&str] = &[
    "",
    "null",
    "(null)",
    "<null>",
    "\\n",
    "none",
    "nil",
    "undefined",
    "nan",
    "nat",
    "n/a",
    "-",
    "--",
    "无",
];
const OPEN_QUOTE: &str = "a value holds a line break: a quote may be open before it";
/// Forms of a time beside RFC 3339 and seconds or milliseconds since 1970.
const TIMES: &[&str] = &[
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y.%m.%d %H:%M:%S%.f",
    "%Y.%m.%d %H:%M",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日 %H:%M",
    "%Y%m%d%H%M%S",
];
const DATES: &[&str] = &["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d"];
/// RFC 3339, but for the colon in the offset, or with a space before it.
const TIMES_WITH_OFFSET: &[&str] =
    &["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z"];
/// WeChat's first year: anything before is no time at all, such as seconds read as milliseconds.
const FIRST_YEAR: i32 = 2011;
/// How far the other server's clock may be ahead of the database's.
const MAX_FUTURE: TimeDelta = TimeDelta::minutes(5);

/// For clap: `+08:00`, and what people write for it.
pub fn utc_offset(text: &str) -> Result<FixedOffset, &'static str> {
    const WRONG: &str = "an offset is written like +08:00 or -05:30";
    let digits = text.strip_prefix(['+', '-']).ok_or(WRONG)?;
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() <= 2 => (digits, "0"),
        None => digits.split_at_checked(2).ok_or(WRONG)?,
    };
    let number = |text: &str, below: i32| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let number: i32 = text.parse().ok()?;
        (is_number && number < below).then_some(number)
    };
    let seconds = match (number(hours, 24), number(minutes, 60)) {
        (Some(hours), Some(minutes)) => hours * 3_600 + minutes * 60,
        _ => return Err(WRONG),
    };
    let seconds = if text.starts_with('-') { -seconds } else { seconds };
    FixedOffset::east_opt(seconds).ok_or(WRONG)
}

/// Reads records of one file.
pub struct Rows {
    columns: Columns,
    utc_offset: FixedOffset,
    earliest: NaiveDateTime,
    latest: NaiveDateTime,
    phones: Phones,
}

impl Rows {
    pub fn new(columns: Columns, utc_offset: FixedOffset, now: NaiveDateTime) -> Self {
        let first_day = NaiveDate::from_ymd_opt(FIRST_YEAR, 1, 1).unwrap_or_default();
        let earliest = first_day.and_time(NaiveTime::MIN);
        let phones = Phones::default();
        Self { columns, utc_offset, earliest, latest: now + MAX_FUTURE, phones }
    }

    /// An `Err` is the reason, without a value.
    pub fn read(&mut self, record: &ByteRecord) -> Result<ImportedRow, &'static str> {
        let columns = self.columns;
        if record.len() != columns.count {
            return Err("it has more or fewer fields than the first line");
        }
        if record.iter().any(holds_rows) {
            return Err(OPEN_QUOTE);
        }
        let openid = field(record, Some(columns.openid))?.ok_or("openid is missing")?;
        let openid =
            OpenId::parse(openid).ok_or("openid is not 1 to 64 of A-Z, a-z, 0-9, _ and -")?;
        let session_key = match field(record, columns.session_key)? {
            None => None,
            Some(text) => {
                Some(SessionKey::parse(text).ok_or("session_key is not 16 bytes in base64")?)
            }
        };
        let created_at = match field(record, columns.created_at)? {
            None => None,
            Some(text) if is_zero(text) || is_no_date(text) => None,
            Some(text) => Some(self.time(text)?),
        };
        let country_code = field(record, columns.country_code)?;
        let phone = match field(record, columns.phone)? {
            None => None,
            Some(text) if is_zero(text) => None,
            Some(text) => Some(phone::parse(text, country_code, created_at)?),
        };
        if let Some(phone) = &phone {
            self.phones.admit(&openid, phone)?;
        }
        Ok(ImportedRow { openid, session_key, phone, created_at })
    }

    fn time(&self, text: &str) -> Result<NaiveDateTime, &'static str> {
        let time = since_1970(text)
            .or_else(|| time_with_offset(text))
            .or_else(|| local_time(text)?.checked_sub_offset(self.utc_offset))
            .ok_or("created_at is not a time such as 2019-07-01 12:30:00")?;
        if time < self.earliest {
            return Err("created_at is before WeChat's time");
        }
        if time > self.latest {
            return Err("created_at is in the future: see --utc-offset");
        }
        Ok(time)
    }
}

/// The text of a field, if it says anything.
fn field(record: &ByteRecord, column: Option<usize>) -> Result<Option<&str>, &'static str> {
    let Some(bytes) = column.and_then(|column| record.get(column)) else {
        return Ok(None);
    };
    let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?.trim();
    if text.contains(['\n', '\r']) {
        return Err(OPEN_QUOTE);
    }
    let is_nothing = |text: &str| NOTHING.iter().any(|word| text.eq_ignore_ascii_case(word));
    Ok(Some(text).filter(|text| !is_nothing(text)))
}

/// Whether a column's value may have swallowed the rows behind it, as a quote before it was not
/// closed. People write several lines too, and hardly with commas.
fn holds_rows(value: &[u8]) -> bool {
    value.iter().any(|byte| matches!(byte, b'\n' | b'\r')) && value.contains(&b',')
}

fn is_zero(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'0')
}

/// What databases and spreadsheets write where there is no date, which is no reason to lose a user.
fn is_no_date(text: &str) -> bool {
    let zeros = text.chars().all(|c| matches!(c, '0' | '-' | '/' | ':' | '.' | ' ' | 'T' | 'Z'));
    zeros
        || text.starts_with("1970-01-01")
        || text.starts_with("1970/1/1")
        || text.starts_with("1900-01-0")
}

fn time_with_offset(text: &str) -> Option<NaiveDateTime> {
    let rfc_3339 = DateTime::parse_from_rfc3339(text).ok();
    let other = |form: &&str| DateTime::parse_from_str(text, form).ok();
    let time = rfc_3339.or_else(|| TIMES_WITH_OFFSET.iter().find_map(other))?;
    Some(time.naive_utc())
}

/// Seconds have ten digits since 2001 and until 2286, milliseconds thirteen.
fn since_1970(text: &str) -> Option<NaiveDateTime> {
    let number: i64 = text.parse().ok()?;
    let time = match text.len() {
        10 => DateTime::from_timestamp(number, 0)?,
        13 => DateTime::from_timestamp_millis(number)?,
        _ => return None,
    };
    Some(time.naive_utc())
}

fn local_time(text: &str) -> Option<NaiveDateTime> {
    let time = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
    let date = |form: &&str| NaiveDate::parse_from_str(text, form).ok();
    TIMES
        .iter()
        .find_map(time)
        .or_else(|| DATES.iter().find_map(date).map(|date| date.and_time(NaiveTime::MIN)))
}
