//! What WeChat answers: the JSON of `jscode2session`.

use std::fmt;
use std::net::IpAddr;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::errcodes::{Class, Errcode};
use super::exchange::Session;
use crate::values::{OpenId, SessionKey, UnionId};

/// A whole answer, understood.
pub enum Answer {
    Session(Session),
    Refusal(Refusal),
    /// Neither, and what is wrong with it.
    Unusable(&'static str),
}

/// An answer with an errcode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub errcode: i64,
    /// What WeChat's support asks for.
    trace: Option<String>,
    /// 40164 names the address from which we seem to come.
    seen_address: Option<IpAddr>,
}

/// WeChat's answer, whatever its Content-Type says: it is usually text/plain.
#[derive(Deserialize)]
struct Json {
    openid: Option<String>,
    session_key: Option<Zeroizing<String>>,
    unionid: Option<String>,
    errcode: Option<Number>,
    errmsg: Option<String>,
}

/// A number, though some answers have it as text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(i64),
    Text(String),
}

impl Answer {
    /// Success is both fields being there: errcode may be absent or 0 then.
    pub fn read(body: &[u8]) -> Self {
        // For serde, an array of the values in their order would do as well.
        let is_object = body.trim_ascii_start().starts_with(b"{");
        let Some(json) = serde_json::from_slice::<Json>(body).ok().filter(|_| is_object) else {
            return Self::Unusable("WeChat's answer is not the JSON that is documented");
        };
        let openid = json.openid.as_deref().filter(|text| !text.is_empty());
        let session_key = json.session_key.as_deref().filter(|text| !text.is_empty());
        let (Some(openid), Some(session_key)) = (openid, session_key) else {
            return json.refusal();
        };
        let Some(openid) = OpenId::parse(openid) else {
            return Self::Unusable("WeChat's openid is not of the form that is stored");
        };
        let Some(session_key) = SessionKey::parse(session_key) else {
            return Self::Unusable("WeChat's session_key is not 16 bytes of base64");
        };
        let unionid = json.unionid.as_deref().and_then(UnionId::parse);
        Self::Session(Session { openid, session_key, unionid })
    }
}

impl Json {
    /// By errcode, never by errmsg: WeChat changes its words.
    fn refusal(&self) -> Answer {
        let errcode = match &self.errcode {
            Some(Number::Number(errcode)) => *errcode,
            Some(Number::Text(text)) => text.trim().parse().unwrap_or(0),
            None => 0,
        };
        if errcode == 0 {
            return Answer::Unusable("WeChat's answer has neither a key nor an errcode");
        }
        let errmsg = self.errmsg.as_deref();
        let trace = errmsg.and_then(trace_id).map(str::to_owned);
        Answer::Refusal(Refusal { errcode, trace, seen_address: errmsg.and_then(seen_address) })
    }
}

impl Refusal {
    pub fn row(&self) -> Option<&'static Errcode> {
        Errcode::find(self.errcode)
    }

    pub fn class(&self) -> Class {
        self.row().map_or(Class::Unusable, |row| row.class)
    }

    /// What it means, without the advice.
    pub fn meaning(&self) -> String {
        let meaning = self.row().map_or("not known to concern logins", |row| row.meaning);
        let seen = self.seen_address.map(|address| format!("; WeChat saw {address}"));
        format!("errcode {}, {meaning}{}", self.errcode, seen.unwrap_or_default())
    }
}

impl fmt::Display for Refusal {
    /// For the log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WeChat: {}", self.meaning())?;
        let advice = self.row().map_or("", |row| row.advice);
        if !advice.is_empty() {
            write!(f, "; {advice}")?;
        }
        write!(f, " (WeChat's trace id: {})", self.trace.as_deref().unwrap_or("none"))
    }
}

/// The id after `rid: ` or `req_id: `. Nothing else of errmsg is passed on as it is, since it might
/// quote the request.
fn trace_id(errmsg: &str) -> Option<&str> {
    const MAX_LENGTH: usize = 64;
    let (_, rest) = errmsg.split_once("rid: ").or_else(|| errmsg.split_once("req_id: "))?;
    let is_id = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let id = rest.trim_start().split(|c| !is_id(c)).next()?;
    (1..=MAX_LENGTH).contains(&id.len()).then_some(id)
}

/// The address in `invalid ip 1.2.3.4 ipv6 ::ffff:1.2.3.4, not in whitelist`.
fn seen_address(errmsg: &str) -> Option<IpAddr> {
    let (_, rest) = errmsg.split_once("invalid ip ")?;
    let words = rest.split([' ', ',']).filter(|word| !word.is_empty() && *word != "ipv6");
    let address: IpAddr = words.take(2).find_map(|word| word.parse().ok())?;
    Some(address.to_canonical())
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_an_object() {
        let values = r#""oAlice","AAAAAAAAAAAAAAAAAAAAAA==",null,null,null"#;
        let object = r#" {"openid":"oAlice","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}"#;
        assert!(matches!(Answer::read(format!("[{values}]").as_bytes()), Answer::Unusable(_)));
        assert!(matches!(Answer::read(object.as_bytes()), Answer::Session(_)));
    }

    #[test]
    fn of_errmsg_only_an_address_and_a_trace_id_are_told() {
        for (errmsg, seen, trace) in [
            (
                "invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist rid: 5f-1a",
                Some("203.0.113.7"),
                Some("5f-1a"),
            ),
            ("invalid ip ::ffff:203.0.113.7 , not in whitelist", Some("203.0.113.7"), None),
            ("invalid ip  ipv6 2001:db8::7, not in whitelist", Some("2001:db8::7"), None),
            ("invalid ip secret, not in whitelist", None, None),
            ("code been used, hints: [ req_id: AbC_1 ]", None, Some("AbC_1")),
            ("rid: <script>", None, None),
        ] {
            let seen = seen.map(|address| address.parse().expect("an address"));
            assert_eq!((seen_address(errmsg), trace_id(errmsg)), (seen, trace), "{errmsg}");
        }
    }
}
