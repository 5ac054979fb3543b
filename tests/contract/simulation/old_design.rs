//! The old design, re-created to compare with: the newest key of a user and nothing else. It waits
//! for no login and remembers no code.

use std::net::TcpListener;
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

use actix_web::web::{self, Data, Json};
use actix_web::{App, HttpResponse, HttpServer};
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, Pool};
use diesel::sql_types::Text;
use serde::Deserialize;
use serde_json::{Value, json};
use wxauth::phone::open_data::{self, EncryptedData, Expected};
use wxauth::values::SessionKey;

use crate::harness::{Client, World};

/// One process of it, on a thread of this one. It ends with the test's process.
pub struct OldDesign {
    base_url: String,
}

#[derive(Clone)]
struct State {
    /// jscode2session's URL, up to the code.
    exchange: String,
    appid: String,
    pool: Pool<ConnectionManager<MysqlConnection>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    js_code: Option<String>,
    code: Option<String>,
    openid: Option<String>,
    encrypted_data: Option<String>,
    iv: Option<String>,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    session_key: String,
}

impl OldDesign {
    pub fn start(world: &World) -> Self {
        world.database.execute(
            "CREATE TABLE IF NOT EXISTS old_sessions (
                 openid VARCHAR(64) NOT NULL PRIMARY KEY, session_key VARCHAR(64) NOT NULL)",
        );
        let pool = Pool::builder()
            .max_size(8)
            .build(ConnectionManager::new(world.database.url()))
            .expect("the database answers");
        let state = State {
            exchange: format!(
                "{}/sns/jscode2session?appid={}&secret={}&grant_type=authorization_code&js_code=",
                world.wechat.base_url(),
                world.wechat.appid(),
                world.wechat.secret()
            ),
            appid: world.wechat.appid().to_owned(),
            pool,
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("bound"));
        let (started, starting) = mpsc::channel();
        std::thread::spawn(move || {
            actix_rt::System::new().block_on(async move {
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(Data::new(state.clone()))
                        .app_data(Data::new(awc::Client::default()))
                        .route("/code2Session", web::post().to(code2session))
                        .route("/getWXUserPhone", web::post().to(get_wx_user_phone))
                        .route("/user", web::post().to(user))
                });
                let server = server.workers(1).disable_signals().listen(listener);
                started.send(()).expect("the test waits");
                server.expect("the listener is bound").run().await
            })
        });
        starting.recv().expect("the server starts");
        Self { base_url }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base_url)
    }
}

async fn code2session(
    state: Data<State>,
    wechat: Data<awc::Client>,
    body: Json<Body>,
) -> HttpResponse {
    let code = body.into_inner().js_code.unwrap_or_default();
    match log_in(&state, &wechat, &code).await {
        Some(openid) => HttpResponse::Ok().json(json!({"openid": openid})),
        None => HttpResponse::BadRequest().finish(),
    }
}

async fn get_wx_user_phone(state: Data<State>, body: Json<Body>) -> HttpResponse {
    let body = body.into_inner();
    let openid = body.openid.clone().unwrap_or_default();
    open(&state, &openid, &body).await
}

async fn user(state: Data<State>, wechat: Data<awc::Client>, body: Json<Body>) -> HttpResponse {
    let body = body.into_inner();
    match log_in(&state, &wechat, body.code.as_deref().unwrap_or_default()).await {
        Some(openid) => open(&state, &openid, &body).await,
        None => HttpResponse::BadRequest().finish(),
    }
}

/// Exchanges the code and replaces the user's key.
async fn log_in(state: &State, wechat: &awc::Client, code: &str) -> Option<String> {
    let mut answer = wechat.get(format!("{}{code}", state.exchange)).send().await.ok()?;
    let answer: Value = serde_json::from_slice(&answer.body().await.ok()?).ok()?;
    let openid = answer["openid"].as_str()?.to_owned();
    let session_key = answer["session_key"].as_str()?.to_owned();
    let (pool, stored_openid) = (state.pool.clone(), openid.clone());
    web::block(move || {
        diesel::sql_query("REPLACE INTO old_sessions VALUES (?, ?)")
            .bind::<Text, _>(stored_openid)
            .bind::<Text, _>(session_key)
            .execute(&mut pool.get().ok()?)
            .ok()
    })
    .await
    .ok()??;
    Some(openid)
}

async fn open(state: &State, openid: &str, body: &Body) -> HttpResponse {
    match try_to_open(state, openid.to_owned(), body).await {
        Some(phone_number) => HttpResponse::Ok().json(json!({"phoneNumber": phone_number})),
        None => HttpResponse::BadRequest().finish(),
    }
}

async fn try_to_open(state: &State, openid: String, body: &Body) -> Option<String> {
    let pool = state.pool.clone();
    let row: Row = web::block(move || {
        diesel::sql_query("SELECT session_key FROM old_sessions WHERE openid = ?")
            .bind::<Text, _>(openid)
            .get_result(&mut pool.get().ok()?)
            .ok()
    })
    .await
    .ok()??;
    let data = EncryptedData::parse(body.encrypted_data.as_deref()?, body.iv.as_deref()?).ok()?;
    let now = UNIX_EPOCH.elapsed().ok()?.as_secs() as i64;
    let expected = Expected { appid: &state.appid, now, max_age_seconds: 86_400 };
    let phone = open_data::open(&data, &SessionKey::parse(&row.session_key)?, expected).ok()?;
    Some(phone.phone_number)
}
