//! `GET /sns/jscode2session`: reads the parameters, plays the decision over HTTP.

use std::time::Duration;

use actix_rt::time::sleep;
use actix_web::http::header;
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::answer;
use crate::connection;
use crate::exchange::{Decision, Parameters};
use crate::fault::Fault;
use crate::world::HostNumber;
use crate::world::World;

const PATH: &str = "/sns/jscode2session";

/// Where `Fault::Redirect` points to.
const REDIRECTED_PATH: &str = "/sns/redirected";

/// How long `Fault::Hang` keeps the connection open: longer than any caller
/// should have patience.
const HANG: Duration = Duration::from_secs(60);

/// What `Fault::Oversized` adds to an answer.
const FILLING_BYTES: usize = 1024 * 1024;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::resource(PATH).route(web::get().to(jscode2session)).route(web::post().to(posted)),
    );
    config.route(REDIRECTED_PATH, web::get().to(redirected));
}

async fn jscode2session(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    request: HttpRequest,
) -> HttpResponse {
    let decision = world.exchange(&parameters(&request), **host);
    play(decision, &request).await
}

async fn redirected(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    request: HttpRequest,
) -> HttpResponse {
    let decision = world.exchange_after_redirect(&parameters(&request), **host);
    play(decision, &request).await
}

/// WeChat does not read the parameters of a POST, wherever they stand.
async fn posted(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    request: HttpRequest,
) -> HttpResponse {
    let decision = world.exchange(&Parameters::default(), **host);
    play(decision, &request).await
}

/// A query that cannot be read counts as an empty one.
fn parameters(request: &HttpRequest) -> Parameters {
    let query = web::Query::from_query(request.query_string());
    query.map(web::Query::into_inner).unwrap_or_default()
}

async fn play(decision: Decision, request: &HttpRequest) -> HttpResponse {
    log_in_one_line(&decision);
    if let Some(held) = decision.held {
        held.until_release().await;
    }
    let json = decision.answer.map(|answer| answer::json(&answer, decision.style));
    let json = json.unwrap_or_default();
    let Some(fault) = decision.fault else {
        return text(json);
    };
    match fault {
        Fault::Busy | Fault::Errcode(_) | Fault::MissingKey | Fault::ShortKey => text(json),
        Fault::Delay(milliseconds) => {
            sleep(Duration::from_millis(milliseconds)).await;
            text(json)
        }
        Fault::Hang => {
            sleep(HANG).await;
            connection::close()
        }
        Fault::Reset => connection::reset(request),
        Fault::LostAnswer => connection::close(),
        Fault::Garbage => text("<<< this is not JSON"),
        Fault::Html => HttpResponse::Ok().content_type("text/html; charset=utf-8").body(
            "<!DOCTYPE html><html><body><h1>Please log in to this network</h1></body></html>",
        ),
        Fault::ServerError => HttpResponse::InternalServerError()
            .content_type("text/plain")
            .body("an internal error of the sandbox, as ordered"),
        Fault::Redirect => {
            let location = format!("{REDIRECTED_PATH}?{}", request.query_string());
            HttpResponse::Found().insert_header((header::LOCATION, location)).finish()
        }
        Fault::Truncated => text(json.as_bytes()[..json.len() / 2].to_vec()),
        Fault::TruncatedBody => connection::cut_in_half(&json),
        Fault::Oversized => {
            let filling = "x".repeat(FILLING_BYTES);
            let json = json.trim_end_matches('}');
            text(format!(r#"{json},"filling":"{filling}"}}"#))
        }
    }
}

fn text(body: impl Into<Bytes>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body(body.into())
}

/// Never the secret, a key or a code, as a real server's log would not show them.
fn log_in_one_line(decision: &Decision) {
    let held = if decision.held.is_some() { ", held" } else { "" };
    let fault = decision.fault.map(|fault| format!(", {fault:?}"));
    let fault = fault.unwrap_or_default();
    match &decision.answer {
        Some(Ok(grant)) => {
            let beginning = &grant.openid[..6];
            log::info!("exchange: errcode 0, openid {beginning}…{fault}{held}");
        }
        Some(Err(errcode)) => log::info!("exchange: errcode {errcode}{fault}{held}"),
        None => log::info!("exchange: no errcode{fault}{held}"),
    }
}
