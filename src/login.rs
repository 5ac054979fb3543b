//! A code becomes a stored key: the verb that every login shares.

use std::time::Duration;

use crate::error::Result;
use crate::store::{Login, Store};
use crate::values::{LoginCode, OpenId};
use crate::wechat::WeChat;

/// Trades codes for sessions and stores their keys.
pub struct Logins {
    wechat: WeChat,
    store: Store,
    ttl_seconds: i64,
}

/// A login that is in the database.
#[derive(Debug, Clone)]
pub struct LoggedIn {
    pub openid: OpenId,
    /// Whole seconds until the stored key expires.
    pub expires_in_seconds: i64,
}

impl Logins {
    pub fn new(wechat: WeChat, store: Store, session_ttl: Duration) -> Self {
        Self { wechat, store, ttl_seconds: session_ttl.as_secs() as i64 }
    }

    /// Answers only after the key is committed.
    pub async fn login(&self, code: LoginCode) -> Result<LoggedIn> {
        let code_hash = code.hash();
        let session = self.wechat.exchange(code).await?;
        let login = Login {
            openid: session.openid.clone(),
            unionid: session.unionid,
            session_key: session.session_key,
            code_hash,
            ttl_seconds: self.ttl_seconds,
        };
        let stored = self.store.save_login(login).await?;
        Ok(LoggedIn { openid: session.openid, expires_in_seconds: stored.expires_in_seconds })
    }
}
