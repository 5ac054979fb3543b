//! The line that the log has of each request, and what its handler adds to it.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::dev::ServiceRequest;
use actix_web::http::header::HeaderValue;

use crate::error::Error;
use crate::logging::{self, Value};
use crate::login::Waits;
use crate::phone::Repairs;
use crate::values::{OpenId, OpenedBy};

/// Characters of an unknown path or method that the log shows.
const MAX_SHOWN_LENGTH: usize = 64;
/// The peer that comes by a unix socket.
const UNIX: &str = "unix";
/// The error of a caller who did not wait for the answer.
const HUNG_UP: &str = "hung_up";

/// What a handler learned about its request that the log should tell.
#[derive(Clone, Default)]
pub struct Facts(Rc<RefCell<FactsInside>>);

#[derive(Default)]
struct FactsInside {
    openid: Option<OpenId>,
    opened_by: Option<OpenedBy>,
    repairs: Repairs,
    wechat: Duration,
    database: Duration,
}

/// What a request waits for, told when it is dropped, so that it is also told of one that fails.
pub struct ToldWaits<'a> {
    waits: Waits,
    facts: &'a Facts,
}

impl Deref for ToldWaits<'_> {
    type Target = Waits;

    fn deref(&self) -> &Waits {
        &self.waits
    }
}

impl DerefMut for ToldWaits<'_> {
    fn deref_mut(&mut self) -> &mut Waits {
        &mut self.waits
    }
}

impl Drop for ToldWaits<'_> {
    fn drop(&mut self) {
        let mut inside = self.facts.0.borrow_mut();
        inside.wechat = self.waits.wechat;
        inside.database = self.waits.database.spent();
    }
}

impl Facts {
    /// The request's waits, which the log tells.
    pub fn waits(&self) -> ToldWaits<'_> {
        ToldWaits { waits: Waits::default(), facts: self }
    }

    pub fn openid(&self, openid: &OpenId) {
        self.0.borrow_mut().openid = Some(openid.clone());
    }

    pub fn opened_by(&self, opened_by: OpenedBy) {
        self.0.borrow_mut().opened_by = Some(opened_by);
    }

    pub fn repairs(&self, repairs: Repairs) {
        self.0.borrow_mut().repairs = repairs;
    }

    /// Whether the handler came as far as a user.
    pub fn name_a_user(&self) -> bool {
        self.0.borrow().openid.is_some()
    }

    fn add_to(&self, fields: &mut Vec<(&'static str, Value)>) {
        let inside = self.0.borrow();
        for (name, waited) in [("wechat_ms", inside.wechat), ("db_ms", inside.database)] {
            if !waited.is_zero() {
                fields.push((name, milliseconds(waited)));
            }
        }
        if let Some(openid) = &inside.openid {
            fields.push(("openid", openid.shortened().into()));
        }
        if let Some(OpenedBy { place, of, age, was_late, .. }) = inside.opened_by {
            fields.push(("key", format!("{place}/{of}").into()));
            fields.push(("key_age_s", age.as_secs().into()));
            if was_late {
                fields.push(("late_login", "rescued".into()));
            }
        }
        if !inside.repairs.is_empty() {
            fields.push(("repaired", inside.repairs.to_string().into()));
        }
    }
}

/// A request's line. One that is dropped unwritten belongs to a caller who hung up.
pub struct LogLine {
    started: Instant,
    request_id: String,
    method: String,
    path: Cow<'static, str>,
    peer: Option<SocketAddr>,
    client: Option<IpAddr>,
    facts: Facts,
    is_written: bool,
}

impl LogLine {
    /// `path` as it may be shown; `client` whom trusted proxies name.
    pub fn begin(
        request: &ServiceRequest,
        request_id: &HeaderValue,
        path: Cow<'static, str>,
        client: Option<IpAddr>,
        facts: Facts,
    ) -> Self {
        Self {
            started: Instant::now(),
            request_id: request_id.to_str().unwrap_or_default().to_owned(),
            method: bounded(request.method().as_str()),
            path: if let Cow::Owned(path) = path { bounded(&path).into() } else { path },
            peer: request.peer_addr(),
            client,
            facts,
            is_written: false,
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The cause of an error first, on a line of its own, as it may be the operator's business.
    pub fn write(&mut self, status: u16, error: Option<&Error>) {
        if let Some(error) = error {
            let (id, name) = (&self.request_id, error.name());
            let fields = [
                ("request_id", id.clone().into()),
                ("error", name.into()),
                ("cause", error.to_string().into()),
            ];
            let text = format_args!("request_id={id} error={name} cause: {error}");
            logging::write(error.level(), text, &fields);
        }
        self.write_line(Some(status), error.map_or("-", Error::name));
    }

    fn write_line(&mut self, status: Option<u16>, error: &'static str) {
        self.is_written = true;
        if !log::log_enabled!(log::Level::Info) {
            return;
        }
        let mut fields: Vec<(&'static str, Value)> = vec![
            ("request_id", std::mem::take(&mut self.request_id).into()),
            ("method", std::mem::take(&mut self.method).into()),
            ("path", std::mem::take(&mut self.path).into_owned().into()),
            ("status", status.map_or_else(|| "-".into(), |status| u64::from(status).into())),
            ("error", error.into()),
            ("ms", milliseconds(self.started.elapsed())),
        ];
        self.facts.add_to(&mut fields);
        let peer = self.peer.map_or_else(|| UNIX.to_owned(), |peer| peer.to_string());
        fields.push(("peer", peer.into()));
        if let Some(client) = self.client {
            fields.push(("client", client.to_string().into()));
        }
        logging::write(log::Level::Info, format_args!("{}", Text(&fields)), &fields);
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        if !self.is_written {
            self.write_line(None, HUNG_UP);
        }
    }
}

/// `name=value` each, but for the method and the path, which everybody knows by their looks.
struct Text<'a>(&'a [(&'static str, Value)]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, value)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            match *name {
                "method" | "path" => write!(f, "{space}{value}")?,
                name => write!(f, "{space}{name}={value}")?,
            }
        }
        Ok(())
    }
}

fn milliseconds(duration: Duration) -> Value {
    // A tenth is what is shown.
    Value::Number((duration.as_secs_f64() * 10_000.0).round() / 10.0)
}

fn bounded(text: &str) -> String {
    text.chars().take(MAX_SHOWN_LENGTH).collect()
}
