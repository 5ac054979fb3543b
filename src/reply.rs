//! The two forms of a good answer; errors have one form, in `error`.

use actix_web::HttpResponse;
use serde::Serialize;

/// `RESPONSE_SHAPE`: where a page looks for the answer's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseShape {
    /// `{"openid": …}`, for pages that read `wx.request`'s `res.data` themselves.
    Flat,
    /// `{"code": 0, "msg": "ok", "data": {"openid": …}}`, for pages whose request wrapper unwraps
    /// the body.
    Envelope,
}

#[derive(Serialize)]
struct Envelope<T> {
    code: u32,
    msg: &'static str,
    data: T,
}

impl ResponseShape {
    /// A 200 with the answer in this shape.
    pub fn ok(self, answer: impl Serialize) -> HttpResponse {
        match self {
            Self::Flat => HttpResponse::Ok().json(answer),
            Self::Envelope => {
                HttpResponse::Ok().json(Envelope { code: 0, msg: "ok", data: answer })
            }
        }
    }
}
