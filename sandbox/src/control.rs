//! The control face for a person with curl: one handler a command, JSON in and out.

use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use serde_json::json;

use crate::answer::Style;
use crate::commands::{
    Age, Block, Command, ControlError, Die, Fail, Login, Phone, Question, Quota, Secret, Unionid,
    WhichCode, WhoseKey,
};
use crate::encryption::fingerprint;
use crate::user;
use crate::world::{HostNumber, World};

/// What `GET /` answers; `{base}` stands for the sandbox's own address.
const INDEX: &str = include_str!("index.txt");

type Answer = Result<HttpResponse, ControlError>;

pub(crate) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/", web::get().to(index))
        .route("/sandbox/login", web::post().to(login))
        .route("/sandbox/phone", web::post().to(phone))
        .route("/sandbox/fail", web::post().to(fail))
        .route("/sandbox/quota", web::post().to(quota))
        .route("/sandbox/secret", web::post().to(secret))
        .route("/sandbox/die", web::post().to(die))
        .route("/sandbox/style", web::post().to(style))
        .route("/sandbox/unionid", web::post().to(unionid))
        .route("/sandbox/block", web::post().to(block))
        .route("/sandbox/age", web::post().to(age))
        .route("/sandbox/hold", web::post().to(hold))
        .route("/sandbox/release", web::post().to(release))
        .route("/sandbox/calls", web::get().to(calls))
        .route("/sandbox/exchanges", web::get().to(exchanges))
        .route("/sandbox/key", web::get().to(key))
        .default_service(web::to(not_found));
}

async fn index(request: HttpRequest) -> HttpResponse {
    let connection = request.connection_info();
    let base = format!("{}://{}", connection.scheme(), connection.host());
    HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .body(INDEX.replace("{base}", &base))
}

async fn login(world: web::Data<World>, Command(login): Command<Login>) -> HttpResponse {
    let code = world.login(&login.user, login.rotate);
    HttpResponse::Ok().json(json!({ "code": code }))
}

async fn phone(world: web::Data<World>, Command(phone): Command<Phone>) -> Answer {
    let (user, options) = phone.into_options();
    let data = world.phone(&user, &options);
    let data = data.ok_or_else(|| ControlError::never_logged_in(&user))?;
    Ok(HttpResponse::Ok().json(data))
}

async fn fail(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    Command(fail): Command<Fail>,
) -> HttpResponse {
    world.fail_next(**host, fail.fault, fail.times);
    HttpResponse::Ok().json(fail)
}

async fn quota(world: web::Data<World>, Command(quota): Command<Quota>) -> HttpResponse {
    world.set_quota(quota.left);
    HttpResponse::Ok().json(quota)
}

async fn secret(world: web::Data<World>, Command(secret): Command<Secret>) -> HttpResponse {
    world.set_secret(&secret.secret);
    HttpResponse::Ok().json(json!({ "secret": "changed" }))
}

async fn die(
    world: web::Data<World>,
    host: web::Data<HostNumber>,
    Command(die): Command<Die>,
) -> HttpResponse {
    world.die(**host, Duration::from_secs(die.seconds));
    HttpResponse::Ok().json(json!({ "deadForSeconds": die.seconds }))
}

async fn style(world: web::Data<World>, Command(style): Command<Style>) -> HttpResponse {
    world.set_style(style);
    HttpResponse::Ok().json(style)
}

async fn unionid(world: web::Data<World>, Command(unionid): Command<Unionid>) -> HttpResponse {
    world.set_unionid(&unionid.user, unionid.unionid.as_deref());
    HttpResponse::Ok().json(unionid)
}

async fn block(world: web::Data<World>, Command(block): Command<Block>) -> HttpResponse {
    world.block(&block.user);
    HttpResponse::Ok().json(json!({ "blocked": block.user }))
}

async fn age(world: web::Data<World>, Command(age): Command<Age>) -> HttpResponse {
    world.age_codes(Duration::from_secs(age.seconds));
    HttpResponse::Ok().json(json!({ "agedBySeconds": age.seconds }))
}

async fn hold(world: web::Data<World>) -> HttpResponse {
    world.hold();
    HttpResponse::Ok().json(json!({ "held": true }))
}

async fn release(world: web::Data<World>) -> HttpResponse {
    world.release();
    HttpResponse::Ok().json(json!({ "held": false }))
}

async fn calls(world: web::Data<World>) -> HttpResponse {
    HttpResponse::Ok().json(world.calls())
}

async fn exchanges(world: web::Data<World>, Question(which): Question<WhichCode>) -> HttpResponse {
    HttpResponse::Ok().json(world.state().journal.exchanges_of(&which.code))
}

async fn key(world: web::Data<World>, Question(whose): Question<WhoseKey>) -> Answer {
    let session_key = world.session_key(&whose.user);
    let session_key = session_key.ok_or_else(|| ControlError::never_logged_in(&whose.user))?;
    let (openid, key_fingerprint) = (user::openid(&whose.user), fingerprint(&session_key));
    Ok(HttpResponse::Ok().json(json!({ "openid": openid, "keyFingerprint": key_fingerprint })))
}

async fn not_found(request: HttpRequest) -> Answer {
    Err(ControlError::no_such_command(request.method(), request.path()))
}
