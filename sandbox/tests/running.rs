//! Starting and stopping, as a library and as a program.

mod client;

use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use client::{block_on, exchange, exchange_meanwhile, raw, start};
use wxauth_sandbox::{Fault, Options, Sandbox};

#[test]
fn a_stopped_sandbox_refuses_connections() {
    let sandbox = start();
    exchange(&sandbox, "x");
    sandbox.stop();
    assert!(raw(&sandbox.base_url(), "GET", "/", "").is_err());
    sandbox.stop();
}

#[test]
fn a_sandbox_stops_with_its_last_handle() {
    let sandbox = start();
    let address = sandbox.base_url();
    drop(sandbox.clone());
    assert_eq!(exchange(&sandbox, "x").status(), 200);
    drop(sandbox);
    assert!(raw(&address, "GET", "/", "").is_err());
}

#[test]
fn stopping_does_not_wait_for_answers_that_are_held_or_hang() {
    let sandbox = start();
    sandbox.fail_next(Fault::Hang, 1);
    sandbox.hold();
    let held = exchange_meanwhile(&sandbox, "x");
    block_on(sandbox.wait_for_waiting(1));
    sandbox.stop();
    assert!(held.join().is_err(), "the connection ended without an answer");
}

#[test]
fn a_port_can_be_taken_again_after_a_stop() {
    let first = start();
    let bind = first.base_url().replace("http://", "");
    first.stop();
    let second = Sandbox::start(Options { bind, ..Options::default() }).unwrap();
    assert_eq!(first.base_url(), second.base_url());
    assert_eq!(exchange(&second, "x").errcode(), Some(40029));
}

#[test]
fn a_sandbox_starts_and_stops_inside_a_runtime() {
    actix_rt::System::new().block_on(async {
        let sandbox = start();
        assert_eq!(exchange(&sandbox, "x").errcode(), Some(40029));
    });
}

#[test]
fn a_busy_port_is_an_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap().to_string();
    let sandbox = Sandbox::start(Options { bind, ..Options::default() });
    assert!(sandbox.is_err());
}

fn program(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wxauth-sandbox"))
        .args(arguments)
        .env_remove("RUST_LOG")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn the_program_serves_until_a_signal_and_logs_no_secret() {
    for signal in ["-TERM", "-INT"] {
        let mut program =
            program(&["--bind", "127.0.0.1:0", "--appid", "wx0", "--secret", "s3cret"]);
        let mut log = BufReader::new(program.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        assert!(line.contains("sandbox WeChat listening on http://127.0.0.1:"), "{line}");
        let address = &line.trim_end()[line.find("http://").unwrap()..];

        let login = raw(address, "POST", "/sandbox/login", r#"{"user":"alice"}"#).unwrap();
        let code = client::parse(&login).json()["code"].as_str().unwrap().to_owned();
        let path = format!(
            "/sns/jscode2session?appid=wx0&secret=s3cret&js_code={code}&grant_type=authorization_code"
        );
        let answer = client::parse(&raw(address, "GET", &path, "").unwrap()).json();
        let key = answer["session_key"].as_str().unwrap();
        let openid = answer["openid"].as_str().unwrap();

        let id = program.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        assert_eq!(program.wait().unwrap().code(), Some(0));
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        let expected = format!("exchange: errcode 0, openid {}…", &openid[..6]);
        assert!(rest.trim_end().ends_with(&expected), "{rest}");
        assert_eq!(rest.lines().count(), 1, "{rest}");
        for secret in ["s3cret", &code, key, openid] {
            assert!(!rest.contains(secret), "{rest}");
        }
    }
}

#[test]
fn the_program_says_in_one_sentence_that_a_port_is_busy() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let bind = taken.local_addr().unwrap().to_string();
    let output = program(&["--bind", &bind]).wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(message.lines().count(), 1, "{message}");
    assert!(message.contains(&format!("cannot serve on {bind}: ")), "{message}");
}
