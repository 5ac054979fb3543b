//! What WeChat's answers mean: the JSON of `jscode2session`, and its errcodes.

use serde::Deserialize;

use super::exchange::{ExchangeError, Session};
use crate::values::{OpenId, SessionKey, UnionId};

/// WeChat's answer, whatever its Content-Type says: it is usually text/plain.
#[derive(Deserialize)]
struct Answer {
    openid: Option<String>,
    session_key: Option<String>,
    unionid: Option<String>,
    errcode: Option<Errcode>,
    errmsg: Option<String>,
}

/// A number, though some answers have it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Errcode {
    Number(i64),
    Text(String),
}

/// Success is both fields being there: errcode may be absent or 0 then.
pub(super) fn read_answer(body: &[u8]) -> Result<Session, ExchangeError> {
    let unusable = |cause: &str| Err(ExchangeError::Unusable(cause.to_owned()));
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        return unusable("WeChat's answer is not the JSON that is documented");
    };
    let openid = answer.openid.as_deref().filter(|text| !text.is_empty());
    let session_key = answer.session_key.as_deref().filter(|text| !text.is_empty());
    let (Some(openid), Some(session_key)) = (openid, session_key) else {
        return Err(refusal(&answer));
    };
    let Some(openid) = OpenId::parse(openid) else {
        return unusable("WeChat's openid is not of the form that is stored");
    };
    let Some(session_key) = SessionKey::parse(session_key) else {
        return unusable("WeChat's session_key is not 16 bytes of base64");
    };
    let unionid = answer.unionid.as_deref().and_then(UnionId::parse);
    Ok(Session { openid, session_key, unionid })
}

/// The errcode of an answer that refuses; `None` where it has none.
pub(super) fn read_errcode(body: &[u8]) -> Option<i64> {
    let answer: Answer = serde_json::from_slice(body).ok()?;
    Some(errcode(&answer)).filter(|errcode| *errcode != 0)
}

fn errcode(answer: &Answer) -> i64 {
    match &answer.errcode {
        Some(Errcode::Number(errcode)) => *errcode,
        Some(Errcode::Text(text)) => text.trim().parse().unwrap_or(0),
        None => 0,
    }
}

/// Matches errcode, never errmsg: WeChat changes its words.
fn refusal(answer: &Answer) -> ExchangeError {
    let errcode = errcode(answer);
    let trace = answer.errmsg.as_deref().and_then(trace_id).unwrap_or("none");
    let cause =
        |meaning: &str| format!("WeChat: errcode {errcode}, {meaning} (its trace id: {trace})");
    match errcode {
        -1 => ExchangeError::NotConsumed(cause("system busy")),
        40029 => ExchangeError::CodeRejected(cause("the code is wrong, expired or of another app")),
        40163 => ExchangeError::CodeRejected(cause("the code has been used")),
        40226 => ExchangeError::UserBlocked(cause("a user of high risk, blocked")),
        45011 => ExchangeError::RateLimited(cause("more than 100 logins of a user a minute")),
        40013 => ExchangeError::Misconfigured(cause("check WX_APPID: no such mini-program")),
        40125 => ExchangeError::Misconfigured(cause("check WX_SECRET: it is not this appid's")),
        41002 => {
            ExchangeError::Misconfigured(cause("check WX_APPID and WX_API_BASE: no appid arrived"))
        }
        41004 => ExchangeError::Misconfigured(cause(
            "check WX_SECRET and WX_API_BASE: no secret arrived",
        )),
        40002 => {
            ExchangeError::Misconfigured(cause("check WX_API_BASE: grant_type was not understood"))
        }
        0 => ExchangeError::Unusable("WeChat's answer has neither a key nor an errcode".to_owned()),
        _ => ExchangeError::Unusable(cause("not one that is documented for a login")),
    }
}

/// What WeChat's support asks for: the id after `rid: ` or `req_id: ` in errmsg. Nothing else of
/// errmsg is passed on, as it might quote the request.
fn trace_id(errmsg: &str) -> Option<&str> {
    const MAX_LENGTH: usize = 64;
    let (_, rest) = errmsg.split_once("rid: ").or_else(|| errmsg.split_once("req_id: "))?;
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id = rest.trim_start().split(|c| !is_id(c)).next()?;
    (1..=MAX_LENGTH).contains(&id.len()).then_some(id)
}
