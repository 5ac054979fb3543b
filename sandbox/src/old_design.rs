//! The old design, re-created to compare with: the newest key of a user and nothing else.
//!
//! It answers what pages post, under `/old-design`. It knows no key's age, waits for no login and
//! remembers no code, as the servers of 2019 did. Its table is a map, since what it does wrong is
//! in what it keeps, and not in where.

use std::collections::HashMap;
use std::time::Duration;

use actix_rt::time::sleep;
use actix_web::{HttpResponse, web};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::{Command, Question};
use crate::encryption::{EncryptedData, decrypt, fingerprint};
use crate::exchange::Parameters;
use crate::fault::Fault;
use crate::world::{HostNumber, World};

/// The newest session_key (base64) of each openid.
#[derive(Default)]
pub(crate) struct NewestKeys(Mutex<HashMap<String, String>>);

/// What pages post; each endpoint reads its part.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Fields {
    js_code: String,
    code: String,
    openid: String,
    #[serde(flatten)]
    data: Option<EncryptedData>,
}

#[derive(Deserialize)]
struct Whose {
    openid: String,
}

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config.service(
        web::scope("/old-design")
            .route("/code2Session", web::post().to(code2session))
            .route("/getWXUserPhone", web::post().to(get_wx_user_phone))
            .route("/user", web::post().to(user))
            .route("/key", web::get().to(key)),
    );
}

async fn code2session(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    keys: web::Data<NewestKeys>,
    Command(fields): Command<Fields>,
) -> HttpResponse {
    match log_in(&world, **host, &keys, fields.js_code).await {
        Some(openid) => HttpResponse::Ok().json(json!({ "openid": openid })),
        None => refused("登录失败"),
    }
}

async fn get_wx_user_phone(
    world: web::Data<World>,
    keys: web::Data<NewestKeys>,
    Command(fields): Command<Fields>,
) -> HttpResponse {
    let Fields { openid, data, .. } = fields;
    open(&world, &keys, &openid, data)
}

async fn user(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    keys: web::Data<NewestKeys>,
    Command(fields): Command<Fields>,
) -> HttpResponse {
    let Fields { code, data, .. } = fields;
    match log_in(&world, **host, &keys, code).await {
        Some(openid) => open(&world, &keys, &openid, data),
        None => refused("登录失败"),
    }
}

/// What its table holds of a user, without the key itself.
async fn key(keys: web::Data<NewestKeys>, Question(whose): Question<Whose>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "keyFingerprint": keys.fingerprint_of(&whose.openid) }))
}

/// Exchanges the code and replaces the user's key. Returns the openid.
async fn log_in(
    world: &web::Data<World>,
    host: HostNumber,
    keys: &NewestKeys,
    code: String,
) -> Option<String> {
    let secret = world.state().secret.clone();
    let decision = world.exchange(&Parameters::of(world.appid(), secret, code), host);
    if let Some(held) = decision.held {
        held.until_release().await;
    }
    match decision.fault {
        None => {}
        Some(Fault::Delay(milliseconds)) => sleep(Duration::from_millis(milliseconds)).await,
        Some(_) => return None,
    }
    let grant = decision.answer?.ok()?;
    keys.0.lock().insert(grant.openid.to_string(), grant.session_key?);
    Some(grant.openid.to_string())
}

fn open(
    world: &World,
    keys: &NewestKeys,
    openid: &str,
    data: Option<EncryptedData>,
) -> HttpResponse {
    let session_key = keys.0.lock().get(openid).cloned();
    let plaintext = session_key.zip(data).and_then(|(key, data)| decrypt(&key, &data));
    let phone: Option<Value> = plaintext.and_then(|text| serde_json::from_slice(&text).ok());
    match phone {
        Some(phone) if phone["watermark"]["appid"] == *world.appid() => HttpResponse::Ok()
            .json(json!({ "openid": openid, "phoneNumber": phone["phoneNumber"] })),
        _ => refused("解密失败"),
    }
}

/// The same for every reason, as it knows none.
fn refused(msg: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({ "code": -1, "msg": msg }))
}

impl NewestKeys {
    pub(crate) fn fingerprint_of(&self, openid: &str) -> Option<String> {
        self.0.lock().get(openid).map(|key| fingerprint(key))
    }
}
