//! The page's files, which the program carries.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::commands::ControlError;

/// Nothing may come from, or go to, another place than the sandbox.
const POLICY: &str = "default-src 'self'; img-src 'self' data:; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! file {
    ($name:literal, $content_type:expr) => {
        ($name, $content_type, include_str!(concat!("../../playground/page/", $name)))
    };
}

const FILES: &[(&str, &str, &str)] = &[
    file!("arrows.css", CSS),
    file!("buttons.js", JAVASCRIPT),
    file!("colours.css", CSS),
    file!("connection.js", JAVASCRIPT),
    file!("controls.css", CSS),
    file!("database.js", JAVASCRIPT),
    file!("deeds.js", JAVASCRIPT),
    file!("docs.css", CSS),
    file!("element.js", JAVASCRIPT),
    file!("exchanges.js", JAVASCRIPT),
    file!("index.html", HTML),
    file!("keys.css", CSS),
    file!("keys.js", JAVASCRIPT),
    file!("layout.css", CSS),
    file!("main.js", JAVASCRIPT),
    file!("phone.css", CSS),
    file!("recording.js", JAVASCRIPT),
    file!("requests.css", CSS),
    file!("requests.js", JAVASCRIPT),
    file!("sandbox.js", JAVASCRIPT),
    file!("scenes.js", JAVASCRIPT),
    file!("sequence.css", CSS),
    file!("sequence.js", JAVASCRIPT),
    file!("side.css", CSS),
    file!("side.js", JAVASCRIPT),
    file!("simulation.css", CSS),
    file!("simulation.js", JAVASCRIPT),
    file!("taps.js", JAVASCRIPT),
    file!("user.js", JAVASCRIPT),
    file!("words.en.js", JAVASCRIPT),
    file!("words.js", JAVASCRIPT),
    file!("words.zh.js", JAVASCRIPT),
];

pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "/playground/")).finish()
}

pub(crate) async fn file(
    name: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, ControlError> {
    let name = if name.is_empty() { "index.html" } else { name.as_str() };
    let found = FILES.iter().find(|(file, _, _)| *file == name);
    let (_, content_type, text) =
        found.ok_or_else(|| ControlError::no_such_command(request.method(), request.path()))?;
    Ok(answer(content_type, *text))
}

/// Asked for anew each time, so that a page never runs with another version's files.
pub(super) fn answer(content_type: &str, text: impl Into<String>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .body(text.into())
}

pub(super) fn html(text: impl Into<String>) -> HttpResponse {
    answer(HTML, text)
}
