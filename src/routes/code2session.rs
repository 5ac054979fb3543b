//! `POST /code2Session`: a `wx.login` code becomes an openid.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use serde::Serialize;

use crate::edge::Facts;
use crate::error::Result;
use crate::login::Logins;
use crate::request::Fields;

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
    facts: ReqData<Facts>,
) -> Result<HttpResponse> {
    let logged_in = logins.login(fields.login_code()?).await?;
    facts.openid(&logged_in.openid);
    Ok(HttpResponse::Ok().json(Answer {
        openid: logged_in.openid.as_str(),
        expires_in: logged_in.expires_in_seconds,
    }))
}
