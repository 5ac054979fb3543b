//! The JSON that `jscode2session` answers with, in all the ways seen from WeChat.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How answers look; the default is the plainest form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Style {
    /// `expires_in: 7200` in a success, as old apps get it.
    pub expires_in: bool,
    /// `errcode: 0` and `errmsg: "ok"` in a success.
    pub errcode_on_success: bool,
    /// `\/` for every slash.
    pub escaped_slashes: bool,
    /// `"40029"` instead of `40029`.
    pub errcode_as_string: bool,
    /// openid before session_key.
    pub openid_first: bool,
}

/// What a good code is exchanged for.
pub(crate) struct Grant {
    pub(crate) openid: Arc<str>,
    /// Base64; a fault may have taken it away.
    pub(crate) session_key: Option<String>,
    pub(crate) unionid: Option<Arc<str>>,
}

/// Compact JSON of a success or of the errcode.
pub(crate) fn json(result: &Result<Grant, i64>, style: Style) -> String {
    let text = match result {
        Ok(grant) => success(grant, style),
        Err(errcode) => failure(*errcode, style),
    };
    if style.escaped_slashes {
        return text.replace('/', "\\/");
    }
    text
}

fn success(grant: &Grant, style: Style) -> String {
    let mut fields = Vec::with_capacity(6);
    if let Some(session_key) = &grant.session_key {
        fields.push(format!(r#""session_key":"{session_key}""#));
    }
    fields.push(format!(r#""openid":"{}""#, grant.openid));
    if style.openid_first {
        fields.reverse();
    }
    if let Some(unionid) = &grant.unionid {
        fields.push(format!(r#""unionid":{}"#, serde_json::json!(unionid.as_ref())));
    }
    if style.expires_in {
        fields.push(r#""expires_in":7200"#.to_owned());
    }
    if style.errcode_on_success {
        fields.push(r#""errcode":0,"errmsg":"ok""#.to_owned());
    }
    format!("{{{}}}", fields.join(","))
}

fn failure(errcode: i64, style: Style) -> String {
    let quote = if style.errcode_as_string { "\"" } else { "" };
    let errmsg = errmsg(errcode);
    let trace = trace(errcode);
    format!(r#"{{"errcode":{quote}{errcode}{quote},"errmsg":"{errmsg}, {trace}"}}"#)
}

fn errmsg(errcode: i64) -> &'static str {
    match errcode {
        -1 => "system error",
        40002 => "invalid grant_type",
        40013 => "invalid appid",
        40029 => "invalid code",
        40125 => "invalid appsecret",
        40163 => "code been used",
        40164 => "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist",
        40226 => "code blocked",
        40243 => "appsecret is frozen",
        41002 => "appid missing",
        41004 => "appsecret missing",
        41008 => "missing code",
        45009 => "reach max api daily quota limit",
        45011 => "api minute-quota reach limit, must slower, retry next minute",
        50002 => "user limited",
        _ => "an error the sandbox was told to answer",
    }
}

/// WeChat's two ways of naming a request, with made-up names.
fn trace(errcode: i64) -> String {
    match errcode {
        40163 | 45011 => {
            let id: String = std::iter::repeat_with(fastrand::alphanumeric).take(12).collect();
            format!("hints: [ req_id: {id} ]")
        }
        _ => format!(
            "rid: {:08x}-{:08x}-{:08x}",
            fastrand::u32(..),
            fastrand::u32(..),
            fastrand::u32(..)
        ),
    }
}
