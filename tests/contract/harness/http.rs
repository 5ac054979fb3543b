//! A page's side of HTTP: `wx.request` with JSON or form bodies.

use std::time::{Duration, Instant};

use serde_json::Value;

/// What a page sees of an answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, sorted, without the ones that differ in every answer.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub elapsed: Duration,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("not JSON ({error}): {}", String::from_utf8_lossy(&self.body))
        })
    }

    pub fn text(&self, field: &str) -> String {
        let json = self.json();
        let text = json[field].as_str();
        text.unwrap_or_else(|| panic!("no {field} in {json}")).to_owned()
    }

    /// Asserts a whole error answer, down to its headers.
    #[track_caller]
    pub fn assert_error(&self, status: u16, code: u32, error: &str, relogin: bool) {
        let json = self.json();
        assert_eq!(self.status, status, "{json}");
        assert_eq!(json["code"], code, "{json}");
        assert_eq!(json["error"], error, "{json}");
        assert_eq!(json["relogin"], relogin, "{json}");
        assert_eq!(json["data"], Value::Null, "{json}");
        assert!(json["msg"].as_str().is_some_and(|msg| !msg.is_ascii()), "{json}");
        assert_eq!(json.as_object().map(|object| object.len()), Some(5), "{json}");
        self.assert_common_headers();
    }

    #[track_caller]
    pub fn assert_ok(&self) {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.assert_common_headers();
    }

    #[track_caller]
    fn assert_common_headers(&self) {
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert_eq!(self.header("cache-control"), Some("no-store"));
        assert!(self.header("x-request-id").is_some_and(|id| !id.is_empty()));
    }

    /// All that could tell one answer from another, but for its duration.
    pub fn fingerprint(&self) -> (u16, Vec<(String, String)>, Vec<u8>) {
        let differs = |name: &str| name == "date" || name == "x-request-id";
        let headers = self.headers.iter().filter(|(name, _)| !differs(name)).cloned().collect();
        (self.status, headers, self.body.clone())
    }
}

/// Cheap to clone; each clone shares the connections.
#[derive(Clone)]
pub struct Client {
    awc: awc::Client,
    base_url: String,
}

impl Client {
    pub fn new(base_url: &str) -> Self {
        let connector = awc::Connector::new().limit(0).timeout(Duration::from_secs(20));
        let awc = awc::Client::builder()
            .connector(connector)
            .timeout(Duration::from_secs(60))
            .disable_redirects()
            .finish();
        Self { awc, base_url: base_url.to_owned() }
    }

    pub async fn json(&self, path: &str, body: Value) -> Answer {
        self.post(path, "application/json", body.to_string()).await
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url_encoded(fields);
        self.post(path, "application/x-www-form-urlencoded", body).await
    }

    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        self.send("POST", path, &[("content-type", content_type)], body.into()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], Vec::new()).await
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let answer = self.try_send(method, path, headers, body).await;
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// An `Err` is a request that got no whole answer.
    pub async fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let started = Instant::now();
        let method = method.parse().expect("a method");
        let url = format!("{}{path}", self.base_url);
        let mut request = self.awc.request(method, url);
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let mut response = request.send_body(body).await.map_err(|error| error.to_string())?;
        let body = response.body().limit(1 << 20).await.map_err(|error| error.to_string())?;
        let mut headers: Vec<(String, String)> = response
            .headers()
            .iter()
            .map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            })
            .collect();
        headers.sort();
        Ok(Answer {
            status: response.status().as_u16(),
            headers,
            body: body.to_vec(),
            elapsed: started.elapsed(),
        })
    }
}

fn url_encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
