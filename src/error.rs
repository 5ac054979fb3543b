//! What a caller is told when a request fails: one enum, one table, and the only status codes.

#![expect(clippy::disallowed_types, reason = "this is where status codes are named")]

use std::fmt;
use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use log::Level;
use serde::Serialize;

use crate::sealing::NoRandomBytes;
use crate::store::StoreError;
use crate::values::LoginCode;
use crate::wechat::ExchangeError;

/// Every way in which a request can fail. The text inside is the cause: for the log, never for
/// the answer, and never secret.
#[derive(Debug, Clone)]
pub enum Error {
    InvalidRequest(Invalid),
    LoginRequired,
    SessionExpired,
    CodeRejected(String),
    /// The same where the code looks like the phone component's.
    PhoneCodeRejected(String),
    DecryptFailed(String),
    UserBlocked(String),
    NotFound,
    /// Holds the methods that are allowed, as the `Allow` header lists them.
    MethodNotAllowed(&'static str),
    PayloadTooLarge,
    RequestTimeout,
    UnsupportedMediaType,
    RateLimited(String),
    /// One of our own limits. Holds what there was too much of.
    TooMany {
        what: &'static str,
        again_in: Duration,
    },
    /// The quota of the whole app; holds the seconds after which WeChat is asked again.
    QuotaExhausted(String, u32),
    Internal(String),
    WeChat(String),
    /// WeChat surely did not consume the code, so that trying again may help.
    WeChatBusy(String),
    WeChatMisconfigured(String),
    DatabaseUnavailable(String),
    /// Holds what is full.
    Busy(&'static str),
    /// The server is about to end.
    Stopping,
    WeChatTimeout,
}

/// What is wrong with a request that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invalid {
    Body,
    Field(&'static str),
    /// The page never logged in, so logging in is what helps.
    MissingOpenId,
    /// No encrypted data, but the code that the new phone component gives beside it.
    PhoneCode,
}

pub type Result<T> = std::result::Result<T, Error>;

/// Every name that [`Error::name`] gives.
pub const NAMES: [&str; 19] = [
    "invalid_request",
    "login_required",
    "session_expired",
    "code_rejected",
    "decrypt_failed",
    "user_blocked",
    "not_found",
    "method_not_allowed",
    "payload_too_large",
    "request_timeout",
    "unsupported_media_type",
    "rate_limited",
    "quota_exhausted",
    "internal_error",
    "wechat_error",
    "wechat_misconfigured",
    "database_unavailable",
    "busy",
    "wechat_timeout",
];

/// One row of the error table in docs/http.md.
struct Row {
    status: StatusCode,
    /// The status, and two digits that tell its errors apart.
    code: u32,
    error: &'static str,
    relogin: bool,
    msg: &'static str,
}

#[derive(Serialize)]
struct Body<'a> {
    code: u32,
    error: &'a str,
    msg: &'a str,
    relogin: bool,
    data: (),
}

impl Error {
    /// The stable name, for programs and for the log.
    pub fn name(&self) -> &'static str {
        self.row().error
    }

    #[rustfmt::skip]
    fn row(&self) -> Row {
        let row = |status: StatusCode, digits: u32, error, relogin, msg| Row {
            status, code: u32::from(status.as_u16()) * 100 + digits, error, relogin, msg,
        };
        match self {
            Self::InvalidRequest(invalid) => row(StatusCode::BAD_REQUEST, 0, "invalid_request", *invalid == Invalid::MissingOpenId, "请求参数有误"),
            Self::LoginRequired => row(StatusCode::UNAUTHORIZED, 0, "login_required", true, "请先登录"),
            Self::SessionExpired => row(StatusCode::UNAUTHORIZED, 1, "session_expired", true, "登录已过期，请重新登录"),
            Self::CodeRejected(_) => row(StatusCode::UNAUTHORIZED, 2, "code_rejected", true, "登录凭证已失效，请重新登录"),
            Self::PhoneCodeRejected(_) => row(StatusCode::UNAUTHORIZED, 2, "code_rejected", true, "收到的是手机号组件的 code，请传 wx.login 的 code"),
            Self::DecryptFailed(_) => row(StatusCode::UNAUTHORIZED, 3, "decrypt_failed", true, "手机号获取失败，请重试"),
            Self::UserBlocked(_) => row(StatusCode::FORBIDDEN, 0, "user_blocked", false, "账号存在风险，暂时无法登录"),
            Self::NotFound => row(StatusCode::NOT_FOUND, 0, "not_found", false, "接口不存在"),
            Self::MethodNotAllowed(_) => row(StatusCode::METHOD_NOT_ALLOWED, 0, "method_not_allowed", false, "请求方法不支持"),
            Self::RequestTimeout => row(StatusCode::REQUEST_TIMEOUT, 0, "request_timeout", false, "请求超时，请重试"),
            Self::PayloadTooLarge => row(StatusCode::PAYLOAD_TOO_LARGE, 0, "payload_too_large", false, "请求内容过大"),
            Self::UnsupportedMediaType => row(StatusCode::UNSUPPORTED_MEDIA_TYPE, 0, "unsupported_media_type", false, "请求格式不支持"),
            Self::RateLimited(_) | Self::TooMany { .. } => row(StatusCode::TOO_MANY_REQUESTS, 0, "rate_limited", false, "操作太频繁，请稍后再试"),
            Self::QuotaExhausted(..) => row(StatusCode::TOO_MANY_REQUESTS, 1, "quota_exhausted", false, "服务繁忙，请稍后再试"),
            Self::Internal(_) => row(StatusCode::INTERNAL_SERVER_ERROR, 0, "internal_error", false, "服务器内部错误"),
            Self::WeChat(_) | Self::WeChatBusy(_) => row(StatusCode::BAD_GATEWAY, 0, "wechat_error", false, "微信服务异常，请稍后再试"),
            Self::WeChatMisconfigured(_) => row(StatusCode::BAD_GATEWAY, 1, "wechat_misconfigured", false, "服务配置有误，请联系管理员"),
            Self::DatabaseUnavailable(_) => row(StatusCode::SERVICE_UNAVAILABLE, 0, "database_unavailable", false, "服务暂时不可用，请稍后再试"),
            Self::Busy(_) | Self::Stopping => row(StatusCode::SERVICE_UNAVAILABLE, 1, "busy", false, "服务繁忙，请稍后再试"),
            Self::WeChatTimeout => row(StatusCode::GATEWAY_TIMEOUT, 0, "wechat_timeout", false, "微信响应超时，请稍后再试"),
        }
    }

    /// Seconds after which trying again may help, where the contract promises the header.
    fn retry_after_seconds(&self) -> Option<u32> {
        match self {
            Self::RateLimited(_) => Some(60),
            // A second begun counts whole, or the caller would come too early.
            Self::TooMany { again_in, .. } => Some(again_in.as_secs() as u32 + 1),
            Self::QuotaExhausted(_, seconds) => Some(*seconds),
            Self::WeChatBusy(_) | Self::DatabaseUnavailable(_) | Self::Busy(_) | Self::Stopping => {
                Some(1)
            }
            _ => None,
        }
    }

    /// Who must act: the operator now (`Error`), the operator if it goes on (`Warn`), nobody.
    pub fn level(&self) -> Level {
        match self {
            Self::Internal(_)
            | Self::WeChatMisconfigured(_)
            | Self::QuotaExhausted(..)
            | Self::DatabaseUnavailable(_) => Level::Error,
            Self::WeChat(_)
            | Self::WeChatBusy(_)
            | Self::WeChatTimeout
            | Self::Busy(_)
            | Self::RateLimited(_) => Level::Warn,
            _ => Level::Info,
        }
    }
}

impl fmt::Display for Error {
    /// The cause, for the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidRequest(Invalid::Body) => f.write_str("the body cannot be read"),
            Self::InvalidRequest(Invalid::Field(name)) => {
                write!(f, "{name} is missing or not valid")
            }
            Self::InvalidRequest(Invalid::MissingOpenId) => f.write_str("openid is missing"),
            Self::InvalidRequest(Invalid::PhoneCode) => {
                f.write_str("encryptedData is missing, and only the new phone component's code came")
            }
            Self::LoginRequired => f.write_str("no user has this openid"),
            Self::SessionExpired => f.write_str("no key of this user is alive"),
            Self::NotFound => f.write_str("no such path"),
            Self::MethodNotAllowed(allowed) => write!(f, "allowed: {allowed}"),
            Self::PayloadTooLarge => f.write_str("the body is larger than 64 KiB"),
            Self::RequestTimeout => f.write_str("the body did not arrive in time"),
            Self::UnsupportedMediaType => f.write_str("neither JSON nor form-urlencoded"),
            Self::TooMany { what, .. } => write!(f, "too many {what} within a minute"),
            Self::Stopping => f.write_str("this server is stopping"),
            Self::Busy(what) => write!(f, "{what} is full"),
            Self::WeChatTimeout => f.write_str(
                "no answer from WeChat within WX_TIMEOUT_MS: check the way from here to WX_API_BASE",
            ),
            Self::CodeRejected(cause)
            | Self::PhoneCodeRejected(cause)
            | Self::DecryptFailed(cause)
            | Self::UserBlocked(cause)
            | Self::RateLimited(cause)
            | Self::QuotaExhausted(cause, _)
            | Self::Internal(cause)
            | Self::WeChat(cause)
            | Self::WeChatBusy(cause)
            | Self::WeChatMisconfigured(cause)
            | Self::DatabaseUnavailable(cause) => f.write_str(cause),
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.row().status
    }

    fn error_response(&self) -> HttpResponse {
        let row = self.row();
        let mut response = HttpResponse::build(row.status);
        if let Some(seconds) = self.retry_after_seconds() {
            response.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Self::MethodNotAllowed(allowed) = self {
            response.insert_header((header::ALLOW, *allowed));
        }
        let msg = self.msg(row.msg);
        response.json(Body {
            code: row.code,
            error: row.error,
            msg: &msg,
            relogin: row.relogin,
            data: (),
        })
    }
}

impl Error {
    /// What the refusal of a code means to the page that sent this one.
    pub fn about(self, code: &LoginCode) -> Self {
        match self {
            Self::CodeRejected(cause) if code.is_like_a_phone_code() => {
                Self::PhoneCodeRejected(cause)
            }
            error => error,
        }
    }

    /// A page toasts this to a person; where a field is wrong it names the field for the developer.
    fn msg(&self, general: &'static str) -> String {
        match self {
            Self::InvalidRequest(Invalid::Field(name)) => format!("参数 {name} 缺失或无效"),
            Self::InvalidRequest(Invalid::MissingOpenId) => "参数 openid 缺失，请先登录".to_owned(),
            Self::InvalidRequest(Invalid::PhoneCode) => {
                "参数 encryptedData 缺失：收到的是新版手机号组件的 code，请传 encryptedData 和 iv"
                    .to_owned()
            }
            _ => general.to_owned(),
        }
    }
}

impl From<ExchangeError> for Error {
    fn from(error: ExchangeError) -> Self {
        let cause = error.to_string();
        match error {
            ExchangeError::CodeRejected(_) => Self::CodeRejected(cause),
            ExchangeError::UserBlocked(_) => Self::UserBlocked(cause),
            ExchangeError::RateLimited(_) => Self::RateLimited(cause),
            ExchangeError::QuotaExhausted(_, pause) => {
                // Rounded up, as coming earlier does not help.
                Self::QuotaExhausted(cause, pause.as_millis().div_ceil(1_000) as u32)
            }
            ExchangeError::Misconfigured(_) => Self::WeChatMisconfigured(cause),
            ExchangeError::NotConsumed(_) => Self::WeChatBusy(cause),
            ExchangeError::Unusable(_) => Self::WeChat(cause),
            ExchangeError::Timeout => Self::WeChatTimeout,
            ExchangeError::Busy => Self::Busy("the queue of exchanges with WeChat"),
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(cause) | StoreError::Misconfigured(cause) => {
                Self::DatabaseUnavailable(cause)
            }
            StoreError::Busy => Self::Busy("the queue of the database"),
            StoreError::Bug(cause) => Self::Internal(cause),
        }
    }
}

impl From<NoRandomBytes> for Error {
    fn from(error: NoRandomBytes) -> Self {
        Self::Internal(error.to_string())
    }
}
