//! What a 2019 page does, step by step.

use serde_json::json;
use wxauth_sandbox::EncryptedData;

use super::{Answer, Client, World};

impl Client {
    /// The login page posts its code.
    pub async fn post_code(&self, code: &str) -> Answer {
        self.json("/code2Session", json!({"jsCode": code})).await
    }

    /// The page posts what the phone encrypted.
    pub async fn post_phone(&self, openid: &str, data: &EncryptedData) -> Answer {
        let (encrypted_data, iv) = (&data.encrypted_data, &data.iv);
        let body = json!({"openid": openid, "encryptedData": encrypted_data, "iv": iv});
        self.json("/getWXUserPhone", body).await
    }

    /// A newer page posts both at once.
    pub async fn post_user(&self, code: &str, data: &EncryptedData) -> Answer {
        let (encrypted_data, iv) = (&data.encrypted_data, &data.iv);
        let body = json!({"code": code, "encryptedData": encrypted_data, "iv": iv});
        self.json("/user", body).await
    }

    /// `wx.login`, then the post; returns the openid that the page keeps.
    pub async fn log_in(&self, world: &World, user: &str) -> String {
        let answer = self.post_code(&world.wechat.login(user)).await;
        answer.assert_ok();
        answer.text("openid")
    }

    /// The same where WeChat replaces the key first.
    pub async fn log_in_rotating(&self, world: &World, user: &str) -> String {
        let answer = self.post_code(&world.wechat.login_rotating(user)).await;
        answer.assert_ok();
        answer.text("openid")
    }
}
