//! What the log says, and what it never says.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use wxauth_sandbox::{EncryptedData, Fault, PhoneOptions};

use crate::harness::{Client, METRICS, Reader, World, docs_page};

#[actix_rt::test]
async fn one_line_a_request_tells_what_an_operator_asks_for() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");
    let openid = page.json("/code2Session", json!({"jsCode": code})).await.text("openid");
    let data = world.wechat.phone("alice");
    let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
    page.json("/getWXUserPhone", body).await.assert_ok();
    page.get("/nowhere").await;

    let shortened = &openid[..6];
    for (path, rest) in [
        ("POST /code2Session", format!("openid={shortened}…")),
        ("POST /getWXUserPhone", "key=1/1".to_owned()),
        ("GET /nowhere", "status=404 error=not_found".to_owned()),
    ] {
        let line = server.wait_for_line(path);
        assert!(
            line.contains(&rest) && line.contains(" ms=") && line.contains("request_id="),
            "{line}"
        );
        assert_eq!(server.log().matches(path).count(), 1);
    }
}

#[actix_rt::test]
async fn no_secret_reaches_the_log_even_at_trace_level() {
    no_secret_reaches_the_log("text", " DEBUG ", " TRACE ").await;
}

#[actix_rt::test]
async fn no_secret_reaches_the_log_as_json() {
    no_secret_reaches_the_log("json", r#""level":"DEBUG""#, r#""level":"TRACE""#).await;
}

async fn no_secret_reaches_the_log(format: &str, debug: &str, trace: &str) {
    let world = World::new();
    let server = world.server_with(&[
        ("RUST_LOG", "trace"),
        ("LOG_FORMAT", format),
        ("WX_TIMEOUT_MS", "2000"),
    ]);
    let page = server.client();
    let mut secrets = vec![world.wechat.secret().to_owned(), "wxauth:".to_owned()];
    let mut log_in = async |fault: Option<Fault>| {
        let code = world.wechat.login_rotating("alice");
        world.wechat.clear_faults();
        if let Some(fault) = fault {
            world.wechat.fail_next(fault, 100);
        }
        secrets.push(code.clone());
        secrets.push(world.wechat.session_key("alice").expect("alice logged in"));
        page.json("/code2Session", json!({"jsCode": code})).await;
    };
    log_in(None).await;
    for fault in [
        Fault::Busy,
        Fault::Errcode(40029),
        Fault::Errcode(40125),
        Fault::Hang,
        Fault::Reset,
        Fault::LostAnswer,
        Fault::Garbage,
        Fault::ServerError,
        Fault::Redirect,
        Fault::Truncated,
        Fault::TruncatedBody,
        Fault::Oversized,
        Fault::ShortKey,
    ] {
        log_in(Some(fault)).await;
    }
    log_in(None).await;

    let openid = world.wechat.openid("alice");
    secrets.push(openid.clone());
    let number = "13912345678".to_owned();
    let data = world.wechat.phone_with(
        "alice",
        PhoneOptions { phone_number: Some(number.clone()), ..PhoneOptions::default() },
    );
    let foreign = world.wechat.phone_with(
        "alice",
        PhoneOptions {
            appid: Some("wxother".to_owned()),
            phone_number: Some(number.clone()),
            ..PhoneOptions::default()
        },
    );
    for data in [&data, &foreign] {
        let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
        page.json("/getWXUserPhone", body).await;
        secrets.push(data.encrypted_data.clone());
        secrets.push(data.iv.clone());
    }
    secrets.push(number);
    page.post("/code2Session", "application/json", "{\"jsCode\":\"canary-in-a-broken-body").await;
    page.form("/code2Session?jsCode=canary-in-a-query", &[("jsCode", "canary-in-a-form")]).await;
    secrets.push("canary".to_owned());
    // The database refuses the number with an error that quotes it.
    world.database.insert_login("oOther", "AAAAAAAAAAAAAAAAAAAAAA==");
    world.database.execute(
        "UPDATE users SET phone_number = '13580006666' WHERE openid = 'oOther';
         ALTER TABLE users ADD UNIQUE KEY quoting (phone_number)",
    );
    let data = world.wechat.phone("alice");
    let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
    let refused = page.json("/getWXUserPhone", body).await;
    refused.assert_error(503, 50300, "database_unavailable", false);
    secrets.push("13580006666".to_owned());
    server.signal("TERM");
    let (_, log) = server.wait();

    assert!(log.contains(debug), "the log is as talkative as it gets");
    assert!(!log.contains(trace), "but for our packages, who write whole requests there");
    for secret in secrets {
        assert!(!log.contains(&secret), "a secret is in the log: {secret}");
    }
}

/// The names in the table of the documentation.
fn documented_fields() -> BTreeSet<String> {
    let page = docs_page("log");
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let names = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|cell| cell.split(','));
    names.map(|name| name.trim().trim_matches('`').to_owned()).collect()
}

#[actix_rt::test]
async fn the_documentation_lists_every_field_and_no_other() {
    let world = World::new();
    let server = world.server_with(&[
        ("LOG_FORMAT", "json"),
        ("LOGIN_GRACE_MS", "20000"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
        METRICS,
    ]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let openid = page.log_in(&world, "alice").await;
    let code = world.wechat.login_rotating("alice");
    let EncryptedData { encrypted_data, iv } = world.wechat.phone("alice");
    let late = EncryptedData { encrypted_data: format!("'{encrypted_data}'"), iv };
    let tap_page = page.clone();
    let tap = actix_rt::spawn(async move { tap_page.post_phone(&openid, &late).await });
    reader.wait_for("wxauth_waiting_requests", 1).await;
    page.post_code(&code).await.assert_ok();
    tap.await.expect("the tap does not panic").assert_ok();
    page.send("GET", "/nowhere", &[("x-forwarded-for", "1.2.3.4")], Vec::new()).await;
    server.signal("TERM");
    let (_, log) = server.wait();

    let lines = log.lines().map(|line| match serde_json::from_str(line) {
        Ok(Value::Object(line)) => line,
        other => panic!("no object: {line}: {other:?}"),
    });
    let mut fields: BTreeSet<String> =
        lines.flat_map(|line| line.into_iter().map(|(name, _)| name)).collect();
    for name in ["time", "level", "message"] {
        assert!(fields.remove(name), "{name}");
    }
    assert_eq!(fields, documented_fields());
}

#[actix_rt::test]
async fn a_path_that_is_put_together_wrongly_shows_no_secret() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = "o3F8h-dHVttwtyENDpIIDcrHbprc";
    let code = "0a3WlqFRllDRAMOkzlLJJwMkHDOWlqOg";

    for path in [
        format!("/getWXUserPhone/{openid}"),
        format!("/{openid}"),
        format!("/code2Session/{code}"),
        format!("/code2Session&jsCode={code}"),
        format!("/code2Session;jsCode={code}"),
        format!("/code2Session%3FjsCode={code}"),
        "/user/13912345678".to_owned(),
        "/getWXUserPhone/Y2FuYXJ5LXNlc3Npb24tMQ==".to_owned(),
    ] {
        page.get(&path).await.assert_error(404, 40400, "not_found", false);
    }
    page.get("/api/v1/code2session").await.assert_error(404, 40400, "not_found", false);

    server.wait_for_line("GET /api/…/code2session status=404");
    let log = server.log();
    for secret in [openid, code, "13912345678", "Y2FuYXJ5", "dHVttw", "RllDRAM"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    assert!(log.contains("GET /getWXUserPhone/… status=404"), "{log}");
}

#[actix_rt::test]
async fn a_caller_who_hangs_up_leaves_a_line() {
    let world = World::new();
    let server = world.server();
    world.wechat.hold();
    let code = world.wechat.login("alice");
    let mut caller = TcpStream::connect(server.address()).expect("the server listens");
    let request = format!("GET /code2Session?jsCode={code} HTTP/1.1\r\nHost: x\r\n\r\n");
    caller.write_all(request.as_bytes()).expect("the server reads");
    world.wechat.wait_for_waiting(1).await;

    // What is unread when a connection closes makes it a reset.
    socket2::SockRef::from(&caller).set_linger(Some(std::time::Duration::ZERO)).expect("a socket");
    drop(caller);

    let line = server.line("error=hung_up").await;
    assert!(line.contains("/code2Session status=-"), "{line}");
    world.wechat.release();
}

#[actix_rt::test]
async fn strangers_write_no_errors_and_no_long_lines() {
    let world = World::new();
    let server = world.server();
    let headers = "X: y\r\n".repeat(97);
    let long_path = "x".repeat(14_000);
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        format!("GET / HTTP/1.1\r\n{headers}\r\n").into_bytes(),
        format!("GET /{long_path} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_vec(),
    ] {
        let mut stream = TcpStream::connect(server.address()).expect("the server listens");
        stream.write_all(&bytes).expect("the server reads");
        stream.shutdown(std::net::Shutdown::Write).expect("a connection");
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    }
    server.signal("TERM");
    let (_, log) = server.wait();
    assert!(!log.contains(" ERROR ") && !log.contains(" WARN "), "{log}");
    assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
}

#[actix_rt::test]
async fn a_reader_that_stalls_costs_no_request() {
    // Many times what a pipe and the buffer hold.
    const REQUESTS: usize = 20_000;
    let world = World::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_wxauth"))
        .args(["serve", "--migrate"])
        .env_clear()
        .envs(world.variables())
        .env("METRICS_BIND", "127.0.0.1:0")
        .current_dir(std::env::temp_dir())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wxauth starts");
    let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
    let mut addresses = Vec::new();
    let mut lines = stderr.lines();
    while addresses.len() < 2 {
        let line = lines.next().expect("it starts").expect("UTF-8");
        addresses
            .extend(line.split_once("http://").map(|(_, address)| format!("http://{address}")));
    }
    // From here on nobody reads, and the pipe stays open.
    addresses.sort_by_key(|address| !address.ends_with("/metrics"));
    let (metrics, page) = (Reader(Client::new(&addresses[0])), Client::new(&addresses[1]));

    for _ in 0..REQUESTS / 100 {
        let asks: Vec<_> = (0..100)
            .map(|_| {
                let page = page.clone();
                actix_rt::spawn(async move { page.get("/healthz").await })
            })
            .collect();
        for ask in asks {
            ask.await.expect("no ask panics").assert_ok();
        }
    }

    let dropped = Reader::value(&metrics.text().await, "wxauth_log_lines_dropped_total");
    assert!(dropped > 0.0);
    child.kill().expect("the process is ours");
    child.wait().expect("the process is ours");
    drop(lines);
}
