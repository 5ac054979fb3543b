//! What the control face reads: a type a command, and a clear error for bad input.

use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Query};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use crate::fault::Fault;
use crate::phone::PhoneOptions;

/// Longer names than this are surely a mistake.
const LONGEST_USER_BYTES: usize = 100;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Login {
    #[serde(deserialize_with = "user")]
    pub(crate) user: String,
    #[serde(default)]
    pub(crate) rotate: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Phone {
    #[serde(deserialize_with = "user")]
    user: String,
    phone_number: Option<String>,
    pure_phone_number: Option<String>,
    country_code: Option<String>,
    timestamp: Option<i64>,
    appid: Option<String>,
    #[serde(default)]
    numeric_country_code: bool,
    #[serde(default)]
    string_timestamp: bool,
    plaintext: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fail {
    pub(crate) fault: Fault,
    #[serde(default = "once")]
    pub(crate) times: usize,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    pub(crate) left: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    pub(crate) secret: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Die {
    pub(crate) seconds: u64,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unionid {
    #[serde(deserialize_with = "user")]
    pub(crate) user: String,
    pub(crate) unionid: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Block {
    #[serde(deserialize_with = "user")]
    pub(crate) user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Age {
    pub(crate) seconds: u64,
}

#[derive(Deserialize)]
pub(crate) struct WhoseKey {
    #[serde(deserialize_with = "user")]
    pub(crate) user: String,
}

#[derive(Deserialize)]
pub(crate) struct WhichCode {
    pub(crate) code: String,
}

impl Phone {
    pub(crate) fn into_options(self) -> (String, PhoneOptions) {
        let options = PhoneOptions {
            phone_number: self.phone_number,
            pure_phone_number: self.pure_phone_number,
            country_code: self.country_code,
            timestamp: self.timestamp,
            appid: self.appid,
            numeric_country_code: self.numeric_country_code,
            string_timestamp: self.string_timestamp,
            plaintext: self.plaintext.map(String::into_bytes),
        };
        (self.user, options)
    }
}

fn once() -> usize {
    1
}

fn user<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let user = String::deserialize(deserializer)?;
    if user.is_empty() || user.len() > LONGEST_USER_BYTES {
        let problem = format!("user must have 1 to {LONGEST_USER_BYTES} bytes");
        return Err(serde::de::Error::custom(problem));
    }
    Ok(user)
}

/// A JSON body, whatever its Content-Type: curl calls it a form unless told otherwise.
pub(crate) struct Command<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Command<T> {
    type Error = ControlError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, ControlError>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let body = Bytes::from_request(request, payload);
        Box::pin(async move {
            let body = body.await.map_err(ControlError::bad_request)?;
            let command = serde_json::from_slice(&body).map_err(ControlError::bad_request)?;
            Ok(Command(command))
        })
    }
}

/// A query's fields, with the same clear error where one is missing.
pub(crate) struct Question<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest for Question<T> {
    type Error = ControlError;
    type Future = Ready<Result<Self, ControlError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let query = Query::<T>::from_query(request.query_string());
        ready(query.map(|query| Self(query.into_inner())).map_err(ControlError::bad_request))
    }
}

/// What the person at the other end did wrong.
#[derive(Debug)]
pub(crate) struct ControlError {
    status: StatusCode,
    message: String,
}

impl ControlError {
    pub(crate) fn never_logged_in(user: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: format!("user {user:?} never logged in: POST /sandbox/login first"),
        }
    }

    pub(crate) fn no_wxauth() -> Self {
        Self {
            status: StatusCode::CONFLICT,
            message: "no wxauth is connected: see wxauth-sandbox --help".to_owned(),
        }
    }

    pub(crate) fn no_such_command(method: &Method, path: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            message: format!("there is no {method} {path}: GET / lists what there is"),
        }
    }

    fn bad_request(problem: impl fmt::Display) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: problem.to_string() }
    }
}

impl fmt::Display for ControlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl ResponseError for ControlError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::build(self.status).json(json!({ "error": self.message }))
    }
}
