//! Times as scripts read them: ISO 8601, UTC, milliseconds.

use chrono::{NaiveDateTime, SecondsFormat};
use serde::Serializer;

pub fn iso(time: NaiveDateTime) -> String {
    time.and_utc().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// For serde's `serialize_with`.
pub fn serialize<S: Serializer>(time: &NaiveDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso(*time))
}
