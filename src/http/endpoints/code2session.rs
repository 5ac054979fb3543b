//! `POST /code2Session`: a `wx.login` code becomes an openid.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use serde::Serialize;

use crate::config::ResponseShape;
use crate::error::Result;
use crate::http::log_line::Facts;
use crate::http::proxies::Client;
use crate::http::reply;
use crate::http::request::Fields;
use crate::login::Logins;

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
    client: ReqData<Client>,
    facts: ReqData<Facts>,
) -> Result<HttpResponse> {
    let code = fields.login_code()?;
    let stored = logins.login(code, client.0, &mut facts.waits()).await?;
    facts.openid(&stored.key.openid);
    let openid = stored.key.openid.as_str();
    Ok(reply::ok(**shape, Answer { openid, expires_in: stored.expires_in_seconds }))
}
