//! The door: whatever a page sends becomes named fields, and fields become valid values or an error
//! that names them.
//!
//! Old pages are clumsy, and cannot be changed. What they send is taken for what it is, not for what
//! it says it is ([`body`]); [`fields`] has the names and what counts as a value.

mod body;
mod fields;
mod reading;

use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};

pub use self::fields::Fields;
pub use self::reading::BodyRoom;
use crate::error::{Error, Result};

impl FromRequest for Fields {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = reading::body(&request, payload).await?;
            let content_type = request.headers().get(CONTENT_TYPE);
            let content_type = content_type.and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or_default();
            Self::read(request.method(), request.query_string(), content_type, &body)
        })
    }
}

impl Fields {
    /// The fields of the body, and after them those of the query.
    pub fn read(method: &Method, query: &str, content_type: &str, body: &[u8]) -> Result<Self> {
        let query = body::form(query.as_bytes());
        let has_no_body =
            body::beginning(body).is_empty() && (method == Method::GET || !query.is_empty());
        if has_no_body {
            return Ok(query);
        }
        Ok(body::read(body, content_type)?.followed_by(query))
    }
}
