//! A request's query and body: what is accepted is valid, and clumsiness changes nothing.
//!
//! Input: a line with method and query, a line with the Content-Type, and the body.

#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "a target that finds something panics")]

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use actix_web::http::Method;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Map, Value};
use wxauth::http::Fields;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const NOTHING: &[&str] = &["", "undefined", "null", "NaN", "[object Object]"];
const CODE: &[&str] = &["jsCode", "js_code", "jscode", "code"];
const OPENID: &[&str] = &["openid", "openId", "open_id"];

fuzz_target!(|input: &[u8]| -> Corpus {
    let Some(sent) = Sent::read(input) else {
        return Corpus::Reject;
    };
    let meant = sent.meant();
    if let Ok(meant) = &meant {
        meant.assert_valid();
    }
    sent.assert_dressed_otherwise_means(&meant);
    sent.assert_a_later_name_in_the_query_loses(&meant);
    sent.assert_fields_as_json_says();
    Corpus::Keep
});

#[derive(Clone)]
struct Sent {
    method: Method,
    query: String,
    content_type: String,
    body: Vec<u8>,
}

/// What the endpoints make of a request.
#[derive(Debug, PartialEq)]
struct Meant {
    code: Result<String, String>,
    openid: Result<String, String>,
    /// The hash of data and iv.
    data: Result<u64, String>,
}

impl Sent {
    fn read(input: &[u8]) -> Option<Self> {
        let mut parts = input.splitn(3, |byte| *byte == b'\n');
        let mut line = || str::from_utf8(parts.next()?).ok();
        let (first, content_type) = (line()?, line()?);
        let (method, query) = first.split_once(' ')?;
        let method = match method {
            "GET" => Method::GET,
            "POST" => Method::POST,
            _ => return None,
        };
        let (query, content_type) = (query.to_owned(), content_type.to_owned());
        Some(Self { method, query, content_type, body: parts.next()?.to_owned() })
    }

    fn meant(&self) -> Result<Meant, String> {
        let fields = Fields::read(&self.method, &self.query, &self.content_type, &self.body);
        let fields = fields.map_err(|error| format!("{error:?}"))?;
        let code = fields.login_code().map(|code| code.expose().to_owned());
        let openid = fields.openid().map(|openid| openid.as_str().to_owned());
        let data = fields.encrypted_data().map(|data| {
            let mut hasher = DefaultHasher::new();
            data.hash(&mut hasher);
            hasher.finish()
        });
        Ok(Meant {
            code: code.map_err(|error| format!("{error:?}")),
            openid: openid.map_err(|error| format!("{error:?}")),
            data: data.map_err(|error| format!("{error:?}")),
        })
    }

    /// Another type, a byte-order mark, JSON made text once more: the same request.
    fn assert_dressed_otherwise_means(&self, meant: &Result<Meant, String>) {
        let begins = |mark: &[u8]| self.body.trim_ascii_start().starts_with(mark);
        if !self.body.is_empty() && !begins(BYTE_ORDER_MARK) {
            let body = [b" \r\n".as_slice(), BYTE_ORDER_MARK, b"\t", &self.body].concat();
            assert_eq!(Self { body, ..self.clone() }.meant(), *meant, "behind a mark");
        }
        if !begins(b"{") {
            return;
        }
        for content_type in ["", "json", "application/x-www-form-urlencoded; charset=UTF-8"] {
            let content_type = content_type.to_owned();
            assert_eq!(Self { content_type, ..self.clone() }.meant(), *meant, "another type");
        }
        if let (Ok(text), Ok(_)) = (str::from_utf8(&self.body), meant) {
            let body = Value::from(text).to_string().into_bytes();
            assert_eq!(Self { body, ..self.clone() }.meant(), *meant, "made JSON twice");
        }
    }

    /// The name decides first, and then the place.
    fn assert_a_later_name_in_the_query_loses(&self, meant: &Result<Meant, String>) {
        let Ok(meant) = meant else {
            return;
        };
        let query = format!("{}&code=ofTheQuery&open_id=ofTheQuery", self.query);
        let with_query = Self { query, ..self.clone() }.meant();
        let with_query = with_query.as_ref().expect("as readable as before");
        assert!(meant.code.is_err() || meant.code == with_query.code);
        assert!(meant.openid.is_err() || meant.openid == with_query.openid);
    }

    /// By a reader that knows JSON only; and the same fields mean the same as a form and in a query.
    fn assert_fields_as_json_says(&self) {
        let Ok(Value::Object(object)) = serde_json::from_slice(&self.body) else {
            return;
        };
        let as_json = Self {
            method: Method::POST,
            query: String::new(),
            content_type: "application/json".to_owned(),
            // Of two members with one name, the last is left.
            body: Value::Object(object.clone()).to_string().into_bytes(),
        };
        let meant = as_json.meant().expect("an object is readable");
        for (names, read, is_valid) in
            [(CODE, &meant.code, is_code as fn(&str) -> bool), (OPENID, &meant.openid, is_openid)]
        {
            let said = said(&object, names).filter(|text| is_valid(text));
            assert_eq!(read.as_deref().ok(), said, "{names:?}");
        }

        let known =
            |name: &&String| CODE.contains(&name.as_str()) || OPENID.contains(&name.as_str());
        let texts = object.iter().filter(|(name, _)| known(name));
        let texts = texts.filter_map(|(name, value)| Some((name, value.as_str()?)));
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(texts).finish();
        let as_form = Self {
            content_type: "application/x-www-form-urlencoded".to_owned(),
            body: form.clone().into_bytes(),
            ..as_json.clone()
        };
        let as_query = Self { method: Method::GET, query: form, body: Vec::new(), ..as_json };
        for otherwise in [as_form, as_query] {
            let otherwise = otherwise.meant().expect("a form is readable");
            assert_eq!(
                (otherwise.code, otherwise.openid),
                (meant.code.clone(), meant.openid.clone())
            );
        }
    }
}

impl Meant {
    fn assert_valid(&self) {
        if let Ok(code) = &self.code {
            assert!(is_code(code) && bare(code) == code, "{code:?}");
        }
        if let Ok(openid) = &self.openid {
            assert!(is_openid(openid), "{openid:?}");
        }
    }
}

fn said<'a>(object: &'a Map<String, Value>, names: &[&str]) -> Option<&'a str> {
    let values = names.iter().filter_map(|name| object.get(*name)?.as_str());
    values.map(bare).find(|text| !NOTHING.contains(text))
}

fn bare(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || ['"', '\''].contains(&c))
}

fn is_code(text: &str) -> bool {
    (1..=128).contains(&text.len()) && text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn is_openid(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=64).contains(&text.len()) && text.chars().all(is_allowed)
}
