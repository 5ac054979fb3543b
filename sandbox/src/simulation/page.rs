//! A page's side of HTTP: `wx.request` with JSON bodies.

use std::time::Duration;

use serde_json::{Value, json};

use crate::encryption::EncryptedData;

/// `wx.request` gives up after a minute.
const PATIENCE: Duration = Duration::from_secs(60);

/// Cheap to clone; each clone shares the connections.
#[derive(Clone)]
pub(super) struct Client {
    awc: awc::Client,
    address: String,
}

/// What a page sees of an answer; status 0 is none at all.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Client {
    pub(super) fn new(address: &str) -> Self {
        // A page's posts wait for nobody else's, hence no limit of connections.
        let connector = awc::Connector::new().limit(0).timeout(PATIENCE);
        let awc = awc::Client::builder().connector(connector).timeout(PATIENCE).finish();
        Self { awc, address: address.to_owned() }
    }

    /// The login page posts its code.
    pub(super) async fn post_code(&self, code: &str) -> Answer {
        self.post("/code2Session", json!({ "jsCode": code })).await
    }

    /// The page posts what the phone encrypted.
    pub(super) async fn post_phone(&self, openid: &str, data: &EncryptedData) -> Answer {
        let (encrypted_data, iv) = (&data.encrypted_data, &data.iv);
        let body = json!({ "openid": openid, "encryptedData": encrypted_data, "iv": iv });
        self.post("/getWXUserPhone", body).await
    }

    /// A newer page posts both at once.
    pub(super) async fn post_user(&self, code: &str, data: &EncryptedData) -> Answer {
        let (encrypted_data, iv) = (&data.encrypted_data, &data.iv);
        let body = json!({ "code": code, "encryptedData": encrypted_data, "iv": iv });
        self.post("/user", body).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        let url = format!("{}{path}", self.address);
        match self.awc.post(url).send_json(&body).await {
            Ok(mut answer) => {
                let body = answer.body().await.unwrap_or_default();
                let body = String::from_utf8_lossy(&body).into_owned();
                Answer { status: answer.status().as_u16(), body }
            }
            Err(error) => Answer { status: 0, body: error.to_string() },
        }
    }
}

impl Answer {
    pub(super) fn is_ok(&self) -> bool {
        self.status == 200
    }

    pub(super) fn openid(&self) -> Option<String> {
        let body: Value = serde_json::from_str(&self.body).ok()?;
        self.is_ok().then(|| body["openid"].as_str().map(str::to_owned))?
    }
}
