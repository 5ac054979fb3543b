//! `POST /user`: the one-call login of newer pages, a code and encrypted data at once.

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
use crate::phone::Phones;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    open_id: &'a str,
    user_id: u64,
    phone: &'a str,
}

/// Everything is read before the code is used, as WeChat takes it only once. The key that the code
/// brings is the newest of the ring, so it is tried first; the older ones open what was encrypted
/// before this login.
pub async fn user(
    fields: Fields,
    logins: Data<Logins>,
    phones: Data<Phones>,
    client: ReqData<Client>,
    facts: ReqData<Facts>,
) -> Result<HttpResponse> {
    let code = fields.login_code()?;
    let data = fields.encrypted_data()?;
    facts.repairs(data.repairs());
    let mut waits = facts.waits();
    let openid = logins.login(code, client.0, &mut waits).await?.key.openid;
    facts.openid(&openid);
    let authorised = phones.authorise(openid.clone(), data, &mut waits.database).await?;
    facts.opened_by(authorised.opened_by);
    let answer = Answer {
        open_id: openid.as_str(),
        user_id: authorised.user_id,
        phone: &authorised.phone.phone_number,
    };
    Ok(reply::ok(ResponseShape::Envelope, answer))
}
