//! What each fault looks like on the wire, and what becomes of the code.

mod client;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use client::{Answer, block_on, exchange, exchange_path, get, raw, start};
use wxauth_sandbox::{Fault, Sandbox};

fn meet(sandbox: &Sandbox, fault: Fault) -> (String, std::io::Result<Vec<u8>>) {
    let code = sandbox.login("alice");
    sandbox.fail_next(fault, 1);
    let path = exchange_path(sandbox, &code);
    let answer = raw(&sandbox.base_url(), "GET", &path, "");
    (code, answer)
}

fn answer(sandbox: &Sandbox, fault: Fault) -> (String, Answer) {
    let (code, answer) = meet(sandbox, fault);
    (code, client::parse(&answer.expect("an answer")))
}

const KEPT: Option<i64> = None;
const CONSUMED: Option<i64> = Some(40163);

#[test]
fn a_fault_consumes_the_code_or_keeps_it_as_documented() {
    let cases = [
        (Fault::Busy, KEPT),
        (Fault::Errcode(40029), KEPT),
        (Fault::Reset, KEPT),
        (Fault::LostAnswer, CONSUMED),
        (Fault::Garbage, KEPT),
        (Fault::Html, KEPT),
        (Fault::ServerError, KEPT),
        (Fault::Redirect, KEPT),
        (Fault::Truncated, CONSUMED),
        (Fault::TruncatedBody, CONSUMED),
        (Fault::Oversized, CONSUMED),
        (Fault::MissingKey, CONSUMED),
        (Fault::ShortKey, CONSUMED),
        (Fault::Delay(1), CONSUMED),
    ];
    let sandbox = start();
    for (fault, next) in cases {
        let (code, _) = meet(&sandbox, fault);
        assert_eq!(exchange(&sandbox, &code).errcode(), next, "{fault:?}");
    }
    let calls = sandbox.calls();
    let refused: u64 = calls.by_errcode.values().sum();
    assert_eq!(calls.total, calls.succeeded + refused + calls.spoiled);
    assert_eq!((calls.total, calls.spoiled), (28, 11));
}

#[test]
fn a_busy_wechat_answers_minus_one_as_often_as_ordered() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.fail_next(Fault::Busy, 2);
    sandbox.fail_next(Fault::Errcode(45011), 1);
    let answers = [(); 4].map(|()| exchange(&sandbox, &code).errcode());
    assert_eq!(answers, [Some(-1), Some(-1), Some(45011), None]);
}

#[test]
fn a_fault_waits_for_an_exchange_with_good_credentials() {
    let sandbox = start();
    sandbox.fail_next(Fault::Busy, 1);
    assert_eq!(get(&sandbox, "/sns/jscode2session").errcode(), Some(41002));
    assert_eq!(exchange(&sandbox, "x").errcode(), Some(-1));
    assert_eq!(exchange(&sandbox, "x").errcode(), Some(40029));
}

#[test]
fn a_fault_that_would_consume_the_code_leaves_a_bad_code_its_errcode() {
    let sandbox = start();
    sandbox.fail_next(Fault::LostAnswer, 1);
    assert_eq!(exchange(&sandbox, "x").errcode(), Some(40029));
}

#[test]
fn a_reset_yields_no_byte_and_a_reset_connection() {
    let (_, answer) = meet(&start(), Fault::Reset);
    assert_eq!(answer.expect_err("the connection is reset").kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_also_ends_a_connection_that_served_before() {
    let sandbox = start();
    let mut stream = TcpStream::connect(sandbox.base_url().trim_start_matches("http://")).unwrap();
    let request = |code: &str| {
        let path = exchange_path(&sandbox, code);
        format!("GET {path} HTTP/1.1\r\nHost: sandbox\r\n\r\n")
    };
    stream.write_all(request("x").as_bytes()).unwrap();
    let mut answer = [0; 4096];
    let length = stream.read(&mut answer).unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 200"));

    sandbox.fail_next(Fault::Reset, 1);
    stream.write_all(request("x").as_bytes()).unwrap();
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest).unwrap_err();
    assert_eq!((ended.kind(), rest.len()), (ErrorKind::ConnectionReset, 0));
}

#[test]
fn a_lost_answer_yields_no_byte_and_a_closed_connection() {
    let (_, answer) = meet(&start(), Fault::LostAnswer);
    assert_eq!(answer.unwrap(), b"");
}

#[test]
fn a_hanging_exchange_says_nothing_and_keeps_the_code() {
    let sandbox = start();
    let code = sandbox.login("alice");
    sandbox.fail_next(Fault::Hang, 1);
    let address = sandbox.base_url();
    let mut stream = TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    let path = exchange_path(&sandbox, &code);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: sandbox\r\n\r\n").unwrap();
    block_on(sandbox.wait_for_calls(1));
    assert_eq!(exchange(&sandbox, &code).errcode(), None);
    assert_eq!(sandbox.calls().spoiled, 1);

    stream.set_nonblocking(true).unwrap();
    let nothing = stream.read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
    stream.shutdown(Shutdown::Both).unwrap();
}

#[test]
fn garbage_and_html_are_200_but_not_json() {
    for fault in [Fault::Garbage, Fault::Html, Fault::Truncated] {
        let (_, answer) = answer(&start(), fault);
        assert_eq!(answer.status(), 200, "{fault:?}");
        let json = serde_json::from_str::<serde_json::Value>(&answer.body);
        assert!(json.is_err(), "{fault:?}: {}", answer.body);
    }
}

#[test]
fn a_server_error_is_a_500() {
    assert_eq!(answer(&start(), Fault::ServerError).1.status(), 500);
}

#[test]
fn a_redirect_leads_to_a_success_for_those_who_follow() {
    let sandbox = start();
    let (_, answer) = answer(&sandbox, Fault::Redirect);
    assert_eq!(answer.status(), 302);
    let location = answer.header("location").unwrap();
    let followed = get(&sandbox, location);
    assert_eq!(followed.json()["openid"], *sandbox.openid("alice"));
    assert_eq!(sandbox.calls().total, 2);
}

#[test]
fn a_truncated_body_ends_before_its_announced_length() {
    let (_, answer) = answer(&start(), Fault::TruncatedBody);
    assert_eq!(answer.header("content-length"), Some("82"));
    assert_eq!(answer.body.len(), 41);
}

#[test]
fn an_oversized_answer_is_valid_json_of_more_than_a_mebibyte() {
    let sandbox = start();
    let (_, answer) = answer(&sandbox, Fault::Oversized);
    assert!(answer.body.len() > 1024 * 1024);
    assert_eq!(answer.json()["openid"], *sandbox.openid("alice"));
}

#[test]
fn a_key_can_be_missing_or_too_short() {
    let sandbox = start();
    let openid = sandbox.openid("alice");
    let (_, missing) = answer(&sandbox, Fault::MissingKey);
    assert_eq!(missing.body, format!(r#"{{"openid":"{openid}"}}"#));
    let (_, short) = answer(&sandbox, Fault::ShortKey);
    assert_eq!(short.json()["session_key"].as_str().unwrap().len(), 12);
}
