//! The requests that are measured, written as a page's `wx.request` sends them.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use wxauth_sandbox::Sandbox;

use crate::load::WriteRequest;
use crate::rig::{Rig, User, new_data};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Traffic {
    /// A known user's number, the same as stored: no write.
    Phone,
    /// The same number in newer data, which is stored: a write.
    NewPhone,
    /// A fresh code of a known user, whose key WeChat has not replaced.
    Login,
    /// Both in one call.
    User,
}

impl Traffic {
    pub const ALL: [Self; 4] = [Self::Phone, Self::NewPhone, Self::Login, Self::User];

    pub fn name(self) -> &'static str {
        match self {
            Self::NewPhone => "/getWXUserPhone, newer",
            _ => self.path(),
        }
    }

    pub fn path(self) -> &'static str {
        match self {
            Self::Phone | Self::NewPhone => "/getWXUserPhone",
            Self::Login => "/code2Session",
            Self::User => "/user",
        }
    }

    /// Whether it trades a code.
    pub fn logs_in(self) -> bool {
        matches!(self, Self::Login | Self::User)
    }

    /// Requests of this kind, of one user after the other, for whoever asks for the next.
    pub fn requests(self, rig: &Rig) -> WriteRequest {
        let (address, bodies) = (rig.server.address(), self.bodies(rig));
        Arc::new(move |request| write_post(request, address, self.path(), &bodies()))
    }

    /// The bodies of such requests.
    pub fn bodies(self, rig: &Rig) -> impl Fn() -> String + Send + Sync + use<> {
        let (users, sandbox) = (Arc::clone(&rig.users), rig.sandbox.clone());
        let next = AtomicUsize::new(0);
        move || {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let user = users.get(number % users.len().max(1));
            user.map(|user| self.body(user, &sandbox)).unwrap_or_default()
        }
    }

    fn body(self, user: &User, sandbox: &Sandbox) -> String {
        match self {
            Self::Phone => phone_body(&user.openid, &user.data),
            Self::NewPhone => phone_body(&user.openid, &new_data(sandbox, &user.name)),
            Self::Login => format!(r#"{{"jsCode":"{}"}}"#, sandbox.login(&user.name)),
            Self::User => format!(r#"{{"code":"{}",{}}}"#, sandbox.login(&user.name), user.data),
        }
    }
}

/// What `/getWXUserPhone` takes; `data` is as in [`User::data`].
pub fn phone_body(openid: &str, data: &str) -> String {
    format!(r#"{{"openid":"{openid}",{data}}}"#)
}

/// Appends one whole request.
pub fn write_post(request: &mut Vec<u8>, address: SocketAddr, path: &str, body: &str) {
    let length = body.len();
    // A vector takes everything.
    let _ = write!(
        request,
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
}
