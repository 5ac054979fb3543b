//! One file an endpoint: read the request, call one or two verbs, answer.

mod code2session;
mod get_wx_user_phone;
mod health;
mod user;

use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route, guard};

pub use self::health::Readiness;
use crate::error::{Error, Result};

/// Every path that is answered, as metrics name them.
pub const PATHS: [&str; 5] = [CODE2SESSION, GET_WX_USER_PHONE, USER, HEALTHZ, READYZ];

const CODE2SESSION: &str = "/code2Session";
const GET_WX_USER_PHONE: &str = "/getWXUserPhone";
const USER: &str = "/user";
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";

/// A longer part of a path is no word. Openids have 28 characters, codes 32.
const MAX_WORD_LENGTH: usize = 16;

/// The path that is meant: of old, neither case nor a doubled or trailing slash made a difference.
pub fn meant_by(path: &str) -> Option<&'static str> {
    let is_same = |known: &&str| {
        let (mut known, mut written) = (segments(known), segments(path));
        written
            .by_ref()
            .all(|segment| known.next().is_some_and(|name| name.eq_ignore_ascii_case(segment)))
            && known.next().is_none()
    };
    PATHS.into_iter().find(is_same)
}

/// An unknown path without what is no word in it: pages that are put together wrongly have codes, openids
/// and phone numbers there.
pub fn words(path: &str) -> String {
    let is_word = |part: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphabetic() || b"-_.".contains(&byte);
        part.len() <= MAX_WORD_LENGTH && part.bytes().all(is_letter)
    };
    let is_ours = |part: &str| meant_by(part).is_some();
    let shown = |part| if is_word(part) || is_ours(part) { part } else { "…" };
    path.split('/').map(shown).collect::<Vec<_>>().join("/")
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// The table of endpoints.
pub fn configure(services: &mut ServiceConfig) {
    let verb = |path| only(web::resource(path), "GET, POST");
    let state = |path| only(web::resource(path), "GET, HEAD");
    services
        .service(verb(CODE2SESSION).route(get_or_post().to(code2session::code2session)))
        .service(
            verb(GET_WX_USER_PHONE).route(get_or_post().to(get_wx_user_phone::get_wx_user_phone)),
        )
        .service(verb(USER).route(get_or_post().to(user::user)))
        .service(state(HEALTHZ).route(get_or_head().to(health::healthz)))
        .service(state(READYZ).route(get_or_head().to(health::readyz)))
        .default_service(web::to(not_found));
}

async fn not_found() -> Result<HttpResponse> {
    Err(Error::NotFound)
}

/// Every other method is refused with an `Allow` header.
fn only(resource: Resource, allowed: &'static str) -> Resource {
    resource.default_service(web::to(move || async move {
        Result::<&str>::Err(Error::MethodNotAllowed(allowed))
    }))
}

/// GET is the default method of `wx.request`. Not HEAD, so that none exchanges a code.
fn get_or_post() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Post()))
}

fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
