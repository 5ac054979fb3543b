//! One file an endpoint: read the request, call one or two verbs, answer.

mod code2session;
mod get_wx_user_phone;
mod health;
mod user;

use actix_web::web::{self, ServiceConfig};
use actix_web::{Resource, Route, guard};

use super::edge::not_found;
use crate::error::{Error, Result};

/// Every path that is answered, as metrics name them.
pub const PATHS: [&str; 5] = [CODE2SESSION, GET_WX_USER_PHONE, USER, HEALTHZ, READYZ];

const CODE2SESSION: &str = "/code2Session";
const GET_WX_USER_PHONE: &str = "/getWXUserPhone";
const USER: &str = "/user";
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";

/// The table of endpoints.
pub fn configure(services: &mut ServiceConfig) {
    let post = |path| only(web::resource(path), "POST");
    let get = |path| only(web::resource(path), "GET, HEAD");
    services
        .service(post(CODE2SESSION).route(web::post().to(code2session::code2session)))
        .service(
            post(GET_WX_USER_PHONE).route(web::post().to(get_wx_user_phone::get_wx_user_phone)),
        )
        .service(post(USER).route(web::post().to(user::user)))
        .service(get(HEALTHZ).route(get_or_head().to(health::healthz)))
        .service(get(READYZ).route(get_or_head().to(health::readyz)))
        .default_service(web::to(not_found));
}

/// Every other method is refused with an `Allow` header.
fn only(resource: Resource, allowed: &'static str) -> Resource {
    resource.default_service(web::to(move || async move {
        Result::<&str>::Err(Error::MethodNotAllowed(allowed))
    }))
}

fn get_or_head() -> Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}
