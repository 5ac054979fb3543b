//! Around every request: its id, the path that it means, the headers that every answer carries, its
//! line in the log.

use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use actix_web::http::{ConnectionType, Uri};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, ResponseError as _};

use super::endpoints::{Readiness, meant_by, words};
use super::log_line::{Facts, LogLine};
use super::progress::Progress;
use super::proxies::{Client, TrustedProxies};
use super::slots::Slots;
use super::stopping::{Stage, Stopping};
use crate::error::Error;
use crate::metrics::Metrics;

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const MAX_REQUEST_ID_LENGTH: usize = 64;

/// What every request meets.
#[derive(Clone)]
pub struct Edge {
    pub stopping: Stopping,
    pub slots: Slots,
    pub metrics: Arc<Metrics>,
    pub proxies: Arc<TrustedProxies>,
    pub readiness: Data<Readiness>,
}

impl Edge {
    pub async fn around<B: MessageBody>(
        self,
        mut request: ServiceRequest,
        next: Next<B>,
    ) -> actix_web::Result<ServiceResponse<B>> {
        let request_id = request_id(&request);
        let path = take_path_that_is_meant(&mut request);
        let peer = request.peer_addr().map(|peer| peer.ip());
        let client = self.proxies.client(peer, request.headers());
        let facts = Facts::default();
        let shown = path.map_or_else(|| Cow::Owned(words(request.path())), Cow::Borrowed);
        let mut line = LogLine::begin(&request, &request_id, shown, client, facts.clone());
        request.extensions_mut().insert(facts.clone());
        request.extensions_mut().insert(Client(client));
        let progress = request.conn_data::<Rc<Progress>>().cloned();
        if let Some(progress) = &progress {
            progress.request_begins(content_length(request.headers()));
        }
        let is_last = request.headers().contains_key(UPGRADE);

        let answer = tokio::select! {
            biased;
            answer = next.call(request) => Ok(answer?),
            // Who still waits hears it, as the process ends with or without their answer.
            () = self.stopping.reached(Stage::LastAnswers) => Err(Error::Stopping),
        };

        let is_over = progress.is_some_and(|progress| progress.request_is_answered(is_last));
        let error = answer.as_ref().map_or_else(Some, error_in);
        match error {
            Some(Error::DatabaseUnavailable(_)) => self.readiness.heard(false),
            None if facts.name_a_user() => self.readiness.heard(true),
            _ => {}
        }
        self.metrics.requests.answered(
            path.unwrap_or_default(),
            error.map(Error::name),
            line.elapsed(),
        );
        line.write(status(&answer), error);
        let mut answer = answer.map_err(|error| (error.error_response(), error));
        let head = match &mut answer {
            Ok(response) => response.response_mut().head_mut(),
            Err((response, _)) => response.head_mut(),
        };
        head.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        head.headers_mut().insert(X_REQUEST_ID, request_id);
        // No page and no proxy sends requests ahead, and whoever does must reckon with an end after any
        // answer.
        if is_over || self.stopping.has_begun() || self.slots.are_scarce() {
            head.set_connection_type(ConnectionType::Close);
        }
        answer.map_err(|(response, error)| InternalError::from_response(error, response).into())
    }
}

/// Makes the known path that is meant the one that is routed.
fn take_path_that_is_meant(request: &mut ServiceRequest) -> Option<&'static str> {
    let path = meant_by(request.match_info().as_str())?;
    request.match_info_mut().get_mut().update(&Uri::from_static(path));
    Some(path)
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

fn content_length(headers: &HeaderMap) -> Option<usize> {
    match headers.get(CONTENT_LENGTH) {
        // Chunks come before a length (RFC 9112, 6.3), though HTTP's reader refuses both together.
        _ if headers.contains_key(TRANSFER_ENCODING) => None,
        Some(length) => length.to_str().ok()?.parse().ok(),
        None => Some(0),
    }
}

fn error_in<B>(response: &ServiceResponse<B>) -> Option<&Error> {
    response.response().error().and_then(|error| error.as_error())
}

fn status<B>(answer: &Result<ServiceResponse<B>, Error>) -> u16 {
    match answer {
        Ok(response) => response.status().as_u16(),
        Err(error) => error.status_code().as_u16(),
    }
}
