//! Prometheus, as far as a test needs it.

use std::time::{Duration, Instant};

use super::{Client, Server};

/// Makes a server serve its metrics.
pub const METRICS: (&str, &str) = ("METRICS_BIND", "127.0.0.1:0");

/// How long a series may take to reach a value, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Prometheus, reading one server.
pub struct Reader(pub Client);

impl Reader {
    pub fn of(server: &Server) -> Self {
        Self(server.client_at(&server.wait_for_line("metrics at http://")))
    }

    pub async fn text(&self) -> String {
        let answer = self.0.get("").await;
        assert_eq!(answer.status, 200);
        let content_type = answer.header("content-type").expect("a type");
        assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
        let text = String::from_utf8(answer.body).expect("UTF-8");
        assert!(text.ends_with("# EOF\n"), "{text}");
        text
    }

    #[track_caller]
    pub fn value(text: &str, series: &str) -> f64 {
        let values = text.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        let values: Vec<_> = values.collect();
        assert_eq!(values.len(), 1, "{series} in {text}");
        values[0].parse().expect("a number")
    }

    /// Reads until the series has the value.
    pub async fn wait_for(&self, series: &str, value: u32) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.text().await;
            let now = Self::value(&text, series);
            if now == f64::from(value) {
                return;
            }
            assert!(Instant::now() < deadline, "{series} is {now} and not {value}");
        }
    }

    pub async fn assert(&self, expected: &[(&str, u32)]) {
        let text = self.text().await;
        for (series, value) in expected {
            assert_eq!(Self::value(&text, series), f64::from(*value), "{series} in {text}");
        }
    }
}
