//! What WeChat answers: a session is as it was sent and of the form that is stored, and a refusal
//! tells nothing of errmsg but an address and a trace id.
//!
//! Input: the answer's body.

#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "a target that finds something panics")]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use wxauth::wechat::{Answer, Refusal};

const TRACE: &str = "(WeChat's trace id: ";
const SEEN: &str = "; WeChat saw ";

fuzz_target!(|body: &[u8]| match Answer::read(body) {
    Answer::Session(session) => {
        let Some(said) = json(body) else {
            return;
        };
        let text = |name| said.get(name).and_then(Value::as_str);
        let openid = session.openid.as_str();
        assert!(is_id(openid) && openid.len() <= 64, "{openid:?}");
        assert_eq!(text("openid"), Some(openid));
        assert_eq!(text("session_key"), Some(session.session_key.expose_base64().as_str()));
        if let Some(unionid) = &session.unionid {
            assert_eq!(text("unionid"), Some(unionid.as_str()));
            assert!(unionid.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
    Answer::Refusal(refusal) => {
        let Some(mut said) = json(body) else {
            return;
        };
        let (text, seen, trace) = parted(&refusal);
        assert!(seen.is_none_or(|seen| seen.parse::<IpAddr>().is_ok()), "{text}");
        assert!(is_id(&trace) && trace.len() <= 64, "{trace:?}");
        assert!(!text.contains(char::is_control), "{text:?}");
        // The same answer without its errmsg says the same but for these two.
        if let Some(members) = said.as_object_mut() {
            members.remove("errmsg");
        }
        match Answer::read(said.to_string().as_bytes()) {
            Answer::Refusal(bare) => assert_eq!(parted(&bare).0, text),
            _ => panic!("errmsg decides nothing"),
        }
    }
    Answer::Unusable(_) => {}
});

/// `None` where half an emoji, in a field that nobody reads, is too much for this reader.
fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

/// What the log says without the address and the trace id, and these two.
fn parted(refusal: &Refusal) -> (String, Option<String>, String) {
    let text = refusal.to_string();
    let (text, trace) = text.rsplit_once(TRACE).expect("every refusal names one, or none");
    let trace = trace.strip_suffix(')').expect("it is in parentheses").to_owned();
    match text.split_once(SEEN) {
        None => (text.to_owned(), None, trace),
        Some((start, rest)) => {
            let end = rest.find([';', ' ']).expect("the trace id comes behind it");
            let (seen, rest) = rest.split_at(end);
            (format!("{start}{rest}"), Some(seen.to_owned()), trace)
        }
    }
}

fn is_id(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !text.is_empty() && text.chars().all(is_allowed)
}
