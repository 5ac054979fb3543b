//! What an exchange answers, and what it does to the code.

mod client;

use std::collections::HashSet;
use std::time::Duration;

use client::{exchange, get, post, start};
use wxauth_sandbox::{Options, Sandbox, Style};

#[test]
fn a_code_is_exchanged_for_the_openid_and_the_session_key() {
    let sandbox = start();
    let code = sandbox.login("alice");
    assert_eq!(code.len(), 32);
    assert!(code.bytes().all(|byte| byte.is_ascii_alphanumeric()));

    let answer = exchange(&sandbox, &code);
    let session_key = sandbox.session_key("alice").unwrap();
    let openid = sandbox.openid("alice");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.header("content-type"), Some("text/plain"));
    assert_eq!(answer.body, format!(r#"{{"session_key":"{session_key}","openid":"{openid}"}}"#));
    assert_eq!((session_key.len(), &session_key[22..]), (24, "=="));
    assert_eq!(sandbox.calls().succeeded, 1);
}

#[test]
fn a_code_works_once() {
    let sandbox = start();
    let code = sandbox.login("alice");
    exchange(&sandbox, &code);
    assert_eq!(exchange(&sandbox, &code).errcode(), Some(40163));
    assert_eq!(sandbox.exchanges_of(&code), 2);
    assert_eq!(sandbox.exchanges_of("another"), 0);
}

#[test]
fn a_code_lives_five_minutes() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.age_codes(Duration::from_secs(4 * 60));
    let younger = sandbox.login("alice");
    sandbox.age_codes(Duration::from_secs(60));
    assert_eq!(exchange(&sandbox, &code).errcode(), Some(40029));
    assert_eq!(exchange(&sandbox, &younger).errcode(), None);
}

#[test]
fn all_codes_expire_on_demand() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.expire_codes();
    assert_eq!(exchange(&sandbox, &code).errcode(), Some(40029));
}

#[test]
fn a_login_keeps_the_key_and_a_rotating_one_replaces_it() {
    let sandbox = start();
    assert_eq!(sandbox.session_key("alice"), None);
    sandbox.login("alice");
    let first = sandbox.session_key("alice");
    sandbox.login("alice");
    assert_eq!(sandbox.session_key("alice"), first);
    sandbox.login_rotating("alice");
    assert_ne!(sandbox.session_key("alice"), first);
}

#[test]
fn an_older_code_brings_the_key_that_it_was_issued_with() {
    let sandbox = start();
    let code = sandbox.login("alice");
    let first = sandbox.session_key("alice").unwrap();
    sandbox.login_rotating("alice");
    assert_eq!(exchange(&sandbox, &code).json()["session_key"], *first);
}

#[test]
fn parameters_are_checked_in_wechats_order() {
    let sandbox = start();
    let code = sandbox.login("alice");
    let (appid, secret) = (sandbox.appid(), sandbox.secret());
    let grant_type = "grant_type=authorization_code";
    let cases = [
        (String::new(), 41002),
        ("appid=&secret=x".to_owned(), 41002),
        ("appid=x".to_owned(), 41004),
        ("appid=x&secret=x".to_owned(), 41008),
        ("appid=x&secret=x&js_code=x".to_owned(), 40002),
        ("appid=x&secret=x&js_code=x&grant_type=x".to_owned(), 40002),
        (format!("appid=x&secret=x&js_code=x&{grant_type}"), 40013),
        (format!("appid={appid}&secret=x&js_code={code}&{grant_type}"), 40125),
        (format!("appid={appid}&secret={secret}&js_code=x&{grant_type}"), 40029),
    ];
    for (query, errcode) in cases {
        let answer = get(&sandbox, &format!("/sns/jscode2session?{query}"));
        assert_eq!((answer.status(), answer.errcode()), (200, Some(errcode)), "{query}");
    }
    assert_eq!(exchange(&sandbox, &code).errcode(), None, "the code is still good");
    assert_eq!(sandbox.calls().total, 10);
    assert_eq!(sandbox.calls().by_errcode[&41002], 2);
}

#[test]
fn parameters_in_the_body_of_a_post_are_not_read() {
    let sandbox = start();
    let path = client::exchange_path(&sandbox, &sandbox.login("alice"));
    let (path, query) = path.split_once('?').unwrap();
    assert_eq!(post(&sandbox, path, query).errcode(), Some(41002));
}

#[test]
fn a_blocked_user_is_refused() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.block("alice");
    assert_eq!(exchange(&sandbox, &code).errcode(), Some(40226));
    assert_eq!(exchange(&sandbox, &sandbox.login("bob")).errcode(), None);
}

#[test]
fn a_user_has_a_limit_of_exchanges_a_minute() {
    let sandbox = Sandbox::start(Options { rate_limit_a_minute: Some(2), ..Options::default() });
    let sandbox = sandbox.unwrap();
    let errcode_of = |user| exchange(&sandbox, &sandbox.login(user)).errcode();
    let answers = [errcode_of("alice"), errcode_of("alice"), errcode_of("alice")];
    assert_eq!(answers, [None, None, Some(45011)]);
    assert_eq!(errcode_of("bob"), None);
    sandbox.age_codes(Duration::from_secs(60));
    assert_eq!(errcode_of("alice"), None);
}

#[test]
fn openids_look_like_wechats_and_survive_a_restart() {
    let sandbox = start();
    let openids: HashSet<String> = (0..1000).map(|n| sandbox.openid(&n.to_string())).collect();
    assert_eq!(openids.len(), 1000);
    for openid in &openids {
        assert!(openid.len() == 28 && openid.starts_with('o'), "{openid}");
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        assert!(openid.bytes().all(is_plain), "{openid}");
    }
    assert_eq!(start().openid("alice"), sandbox.openid("alice"));
}

#[test]
fn answers_come_in_every_style_seen_from_wechat() {
    let sandbox = start();
    sandbox.set_unionid("alice", Some("u/alice"));
    sandbox.set_style(Style {
        expires_in: true,
        errcode_on_success: true,
        escaped_slashes: true,
        errcode_as_string: true,
        openid_first: true,
    });
    let code = sandbox.login("alice");
    let answer = exchange(&sandbox, &code);
    assert!(answer.body.starts_with(r#"{"openid":"#), "{}", answer.body);
    assert!(answer.body.contains(r#""unionid":"u\/alice""#), "{}", answer.body);
    let json = answer.json();
    assert_eq!(json["session_key"], *sandbox.session_key("alice").unwrap());
    assert_eq!(json["expires_in"], 7200);
    assert_eq!((&json["errcode"], &json["errmsg"]), (&0.into(), &"ok".into()));

    let refused = exchange(&sandbox, &code).json();
    assert_eq!(refused["errcode"], "40163");
    let errmsg = refused["errmsg"].as_str().unwrap();
    assert!(errmsg.starts_with("code been used, hints: [ req_id: "), "{errmsg}");
    let errmsg = exchange(&sandbox, "x").json()["errmsg"].to_string();
    assert!(errmsg.starts_with("\"invalid code, rid: "), "{errmsg}");
}
