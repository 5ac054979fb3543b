//! `POST /code2Session`: a `wx.login` code becomes an openid.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use serde::Serialize;

use crate::config::ResponseShape;
use crate::error::Result;
use crate::http::edge::Facts;
use crate::http::reply;
use crate::http::request::Fields;
use crate::login::Logins;

use crate::store::Budget;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    openid: &'a str,
    /// Whole seconds until the stored key expires.
    expires_in: i64,
}

pub async fn code2session(
    fields: Fields,
    logins: Data<Logins>,
    shape: Data<ResponseShape>,
    facts: ReqData<Facts>,
) -> Result<HttpResponse> {
    let stored = logins.login(fields.login_code()?, &mut Budget::new()).await?;
    facts.openid(&stored.key.openid);
    let openid = stored.key.openid.as_str();
    Ok(reply::ok(**shape, Answer { openid, expires_in: stored.expires_in_seconds }))
}
