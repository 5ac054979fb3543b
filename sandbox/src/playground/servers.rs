//! The two servers, as the page reaches them: their addresses, whether wxauth serves, the posts.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use actix_web::web::{Bytes, Data, Json, Path};
use serde_json::{Value, json};

use super::log::Log;
use crate::commands::ControlError;

/// What pages post to; nothing else of the servers is reached from here.
const ENDPOINTS: [&str; 3] = ["code2Session", "getWXUserPhone", "user"];
/// Longer than wxauth takes at worst: for WeChat, for its database, for a late login.
const PATIENCE: Duration = Duration::from_secs(15);
/// It is on this machine, and looked at again in a moment.
const HEALTH_PATIENCE: Duration = Duration::from_secs(1);
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

pub(super) struct Servers {
    wxauth: Option<String>,
    log: Option<Arc<Log>>,
    client: awc::Client,
}

impl Servers {
    pub(super) fn of(wxauth: Option<String>, log: Option<Arc<Log>>) -> Self {
        let wxauth = wxauth.map(|address| address.trim_end_matches('/').to_owned());
        let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
        Self { wxauth, log, client }
    }

    /// `None` where no wxauth is connected.
    pub(super) fn wxauth(&self) -> Option<String> {
        self.wxauth.clone().or_else(|| self.log.as_ref()?.address())
    }

    pub(super) async fn serves(&self, address: &str) -> bool {
        let asked = self.client.get(format!("{address}/healthz")).timeout(HEALTH_PATIENCE).send();
        asked.await.is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    /// Status and body, or `None` where nobody answered.
    async fn post(&self, url: &str, request: &HttpRequest, body: Bytes) -> Option<(u16, String)> {
        let json = HeaderValue::from_static("application/json");
        let mut post = self.client.post(url).insert_header((CONTENT_TYPE, json));
        if let Some(id) = request.headers().get(REQUEST_ID) {
            post = post.insert_header((REQUEST_ID, id.clone()));
        }
        let mut answer = post.send_body(body).await.ok()?;
        let body = answer.body().await.ok()?;
        Some((answer.status().as_u16(), String::from_utf8_lossy(&body).into_owned()))
    }
}

/// Of this sandbox, which holds it.
pub(super) fn old_design(request: &HttpRequest) -> String {
    format!("http://{}/old-design", request.app_config().local_addr())
}

/// `POST /playground/servers/SIDE/ENDPOINT`: what the server answered, told with 200, as it is what
/// was asked for; a status of `null` is no answer at all.
pub(super) async fn post(
    servers: Data<Servers>,
    path: Path<(String, String)>,
    request: HttpRequest,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    let (side, endpoint) = path.into_inner();
    let address = match side.as_str() {
        _ if !ENDPOINTS.contains(&endpoint.as_str()) => None,
        "wxauth" => Some(servers.wxauth().ok_or_else(ControlError::no_wxauth)?),
        "oldDesign" => Some(old_design(&request)),
        _ => None,
    };
    let address =
        address.ok_or_else(|| ControlError::no_such_command(request.method(), request.path()))?;
    let answer = servers.post(&format!("{address}/{endpoint}"), &request, body).await;
    let (status, body) = answer.unzip();
    Ok(Json(json!({ "status": status, "body": body })))
}
