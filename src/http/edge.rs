//! Around every request: its id, the headers that every answer carries, its line in the log.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Uri};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpResponse};

use super::endpoints::meant_by;
use super::stopping::Closing;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::phone::Repairs;
use crate::values::OpenId;
use crate::values::OpenedBy;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_LENGTH: usize = 64;
/// Characters of an unknown path that the log shows.
const MAX_SHOWN_PATH_LENGTH: usize = 64;

/// What a handler learned about its request that the log should tell.
#[derive(Clone, Default)]
pub struct Facts(Rc<RefCell<FactsInside>>);

#[derive(Default)]
struct FactsInside {
    openid: Option<OpenId>,
    opened_by: Option<OpenedBy>,
    repairs: Repairs,
}

impl Facts {
    pub fn openid(&self, openid: &OpenId) {
        self.0.borrow_mut().openid = Some(openid.clone());
    }

    pub fn opened_by(&self, opened_by: OpenedBy) {
        self.0.borrow_mut().opened_by = Some(opened_by);
    }

    pub fn repairs(&self, repairs: Repairs) {
        self.0.borrow_mut().repairs = repairs;
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inside = self.0.borrow();
        if let Some(openid) = &inside.openid {
            write!(f, " openid={}", openid.shortened())?;
        }
        if let Some(OpenedBy { place, of, age, was_late, .. }) = inside.opened_by {
            let late = if was_late { " late_login=rescued" } else { "" };
            write!(f, " key={place}/{of} key_age_s={}{late}", age.as_secs())?;
        }
        if !inside.repairs.is_empty() {
            write!(f, " repaired={}", inside.repairs)?;
        }
        Ok(())
    }
}

pub async fn edge<B: MessageBody>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> actix_web::Result<ServiceResponse<B>> {
    let started = Instant::now();
    let request_id = request_id(&request);
    let facts = Facts::default();
    let closing = request.app_data::<Data<Closing>>().is_some_and(|closing| closing.has_begun());
    let metrics = request.app_data::<Data<Metrics>>().cloned();
    request.extensions_mut().insert(facts.clone());
    let meant = meant_by(request.match_info().as_str());
    if let Some(path) = meant {
        request.match_info_mut().get_mut().update(&Uri::from_static(path));
    }

    let mut response = next.call(request).await?;

    if closing {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REQUEST_ID, request_id.clone());
    let elapsed = started.elapsed();
    if let Some(metrics) = metrics {
        let path = meant.unwrap_or_default();
        metrics.requests.answered(path, error(&response).map(Error::name), elapsed);
    }
    write_lines(&response, &facts, request_id.to_str().unwrap_or_default(), elapsed);
    Ok(response)
}

/// Answers a path that does not exist.
pub async fn not_found() -> Result<HttpResponse, Error> {
    Err(Error::NotFound)
}

/// The caller's, so that its log and ours can be joined, or one of ours.
fn request_id(request: &ServiceRequest) -> HeaderValue {
    let is_sane = |id: &&HeaderValue| {
        let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        (1..=MAX_REQUEST_ID_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(is_allowed)
    };
    let made = || HeaderValue::from_str(&format!("{:016x}", fastrand::u64(..)));
    match request.headers().get(X_REQUEST_ID).filter(is_sane) {
        Some(id) => id.clone(),
        None => made().unwrap_or(HeaderValue::from_static("none")),
    }
}

fn error<B>(response: &ServiceResponse<B>) -> Option<&Error> {
    response.response().error().and_then(|error| error.as_error())
}

fn write_lines<B>(
    response: &ServiceResponse<B>,
    facts: &Facts,
    request_id: &str,
    elapsed: Duration,
) {
    let error = error(response);
    if let Some(error) = error {
        log::log!(error.level(), "request_id={request_id} error={} cause: {error}", error.name());
    }
    let request = response.request();
    log::info!(
        "request_id={request_id} {} {:.MAX_SHOWN_PATH_LENGTH$} status={} error={} ms={:.1}{facts}",
        request.method(),
        request.path(),
        response.status().as_u16(),
        error.map_or("-", Error::name),
        elapsed.as_secs_f64() * 1_000.0,
    );
}
