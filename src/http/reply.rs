//! The two forms of a good answer; errors have one form, in `error`.

use actix_web::HttpResponse;
use serde::Serialize;

use crate::config::ResponseShape;

#[derive(Serialize)]
struct Envelope<T> {
    code: u32,
    msg: &'static str,
    data: T,
}

/// A 200 with the answer in this shape.
pub fn ok(shape: ResponseShape, answer: impl Serialize) -> HttpResponse {
    match shape {
        ResponseShape::Flat => HttpResponse::Ok().json(answer),
        ResponseShape::Envelope => {
            HttpResponse::Ok().json(Envelope { code: 0, msg: "ok", data: answer })
        }
    }
}
