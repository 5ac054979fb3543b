//! wxauth's log, read from its file: the lines of one request, and the address that it names.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::sleep;
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use crate::commands::Question;

/// The address stands among the first lines.
const BEGINNING_BYTES: u64 = 64 * 1024;
/// A request's lines are among the last ones when the page asks.
const END_BYTES: u64 = 256 * 1024;
/// The line is written beside the answer, and may come a moment after it: this often, this long.
const MOST_LOOKS: usize = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

pub(super) struct Log {
    file: PathBuf,
}

#[derive(Deserialize)]
pub(super) struct Which {
    request_id: String,
}

impl Log {
    pub(super) fn of(file: PathBuf) -> Self {
        Self { file }
    }

    /// The last that it says it listens on, but for the metrics' address.
    pub(super) fn address(&self) -> Option<String> {
        let text = self.beginning().ok()?;
        let lines = text.lines().filter(|line| !line.contains("metrics"));
        let address = lines.filter_map(|line| line.split_once("listening on http://")).next_back();
        let is_end = |c: char| c.is_whitespace() || c == '"';
        let host = address?.1.split(is_end).next()?;
        // A wildcard is an address to listen on, not one to connect to.
        let host = host.replace("0.0.0.0", "127.0.0.1").replace("[::]", "[::1]");
        Some(format!("http://{host}"))
    }

    fn beginning(&self) -> io::Result<String> {
        let mut text = Vec::new();
        File::open(&self.file)?.take(BEGINNING_BYTES).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn end(&self) -> io::Result<String> {
        let mut file = File::open(&self.file)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(END_BYTES)))?;
        let mut text = Vec::new();
        file.take(END_BYTES).read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn lines_of(&self, request_id: &str) -> Vec<String> {
        let text = self.end().unwrap_or_default();
        text.lines().filter(|line| line.contains(request_id)).map(str::to_owned).collect()
    }
}

/// `GET /playground/log?request_id=ID`
pub(super) async fn lines(
    log: web::Data<Option<Arc<Log>>>,
    Question(which): Question<Which>,
) -> HttpResponse {
    let mut lines = Vec::new();
    if let Some(log) = log.as_ref() {
        for _ in 0..MOST_LOOKS {
            lines = log.lines_of(&which.request_id);
            // The request's own line is the last, and the only one with its status.
            if lines.iter().any(|line| line.contains("status")) {
                break;
            }
            sleep(BETWEEN_LOOKS).await;
        }
    }
    HttpResponse::Ok().json(json!({ "lines": lines }))
}
