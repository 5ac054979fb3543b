//! `POST /getWXUserPhone`: encrypted data becomes the user's phone number.

use actix_web::HttpResponse;
use actix_web::web::{Data, ReqData};
use serde::Serialize;

use crate::config::ResponseShape;
use crate::error::Result;
use crate::http::log_line::Facts;
use crate::http::reply;
use crate::http::request::Fields;
use crate::phone::Phones;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    user_id: u64,
    openid: &'a str,
    phone_number: &'a str,
    pure_phone_number: &'a str,
    country_code: &'a str,
}

pub async fn get_wx_user_phone(
    fields: Fields,
    phones: Data<Phones>,
    shape: Data<ResponseShape>,
    facts: ReqData<Facts>,
) -> Result<HttpResponse> {
    let openid = fields.openid()?;
    facts.openid(&openid);
    let data = fields.encrypted_data()?;
    facts.repairs(data.repairs());
    let authorised = phones.authorise(openid.clone(), data, &mut facts.waits().database).await?;
    facts.opened_by(authorised.opened_by);
    let answer = Answer {
        user_id: authorised.user_id,
        openid: openid.as_str(),
        phone_number: &authorised.phone.phone_number,
        pure_phone_number: &authorised.phone.pure_phone_number,
        country_code: &authorised.phone.country_code,
    };
    Ok(reply::ok(**shape, answer))
}
