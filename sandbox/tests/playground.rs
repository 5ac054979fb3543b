//! The playground, as far as it needs no browser: its files, its docs, and what it does without
//! a wxauth beside it. What it shows is tested in `sandbox/playground/tests`.

mod client;

use std::fs;
use std::path::Path;

use client::{get, post, start};
use serde_json::{Value, json};
use wxauth_sandbox::{Options, PlaygroundOptions, Sandbox};

fn page_files() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("playground/page");
    let entries = fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read_to_string(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn every_file_of_the_page_is_served_and_may_reach_no_other_place() {
    let sandbox = start();
    let files = page_files();
    assert!(files.len() > 10, "{files:?}");
    for (name, text) in files {
        let answer = get(&sandbox, &format!("/playground/{name}"));
        assert_eq!((answer.status(), &answer.body), (200, &text), "{name}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        assert!(!text.contains("https://"), "{name} names another site");
    }
    assert_eq!(get(&sandbox, "/playground/nothing.js").status(), 404);
    assert_eq!(get(&sandbox, "/playground/../Cargo.toml").status(), 404);
}

#[test]
fn its_address_is_found_with_and_without_the_slash() {
    let sandbox = start();
    assert_eq!(get(&sandbox, "/playground").header("location"), Some("/playground/"));
    assert!(get(&sandbox, "/playground/").body.contains("<title>wxauth playground</title>"));
    assert!(get(&sandbox, "/").body.contains("http://sandbox/playground/"));
}

#[test]
fn each_error_has_a_place_in_the_docs_of_either_language() {
    let sandbox = start();
    let errors = fs::read_to_string("../docs/errors.md").unwrap();
    let names: Vec<_> = errors.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(names.contains(&"decrypt_failed"));
    for page in ["errors", "errors.zh"] {
        let html = get(&sandbox, &format!("/playground/docs/{page}")).body;
        for name in &names {
            assert!(html.contains(&format!("<h2 id=\"{name}\">{name}</h2>")), "{page} {name}");
        }
    }
    assert_eq!(get(&sandbox, "/playground/docs/other").status(), 404);
}

#[test]
fn alone_it_shows_the_old_design() {
    let sandbox = start();
    let openid = sandbox.openid("alice");
    let state = get(&sandbox, &format!("/playground/state?openid={openid}")).json();
    assert_eq!(state["wxauth"], json!({ "address": null, "serves": false, "keys": null }));
    assert_eq!(state["oldDesign"]["key"], Value::Null);

    let code = json!({ "jsCode": sandbox.login("alice") }).to_string();
    let answer = post(&sandbox, "/playground/servers/oldDesign/code2Session", &code).json();
    assert_eq!(answer["status"], 200);
    assert_eq!(answer["body"], json!({ "openid": openid }).to_string());
    assert_eq!(post(&sandbox, "/playground/servers/wxauth/user", "{}").status(), 409);
    assert_eq!(post(&sandbox, "/playground/simulation", r#"{"users":1}"#).status(), 409);
    assert_eq!(get(&sandbox, "/playground/log?request_id=x").json(), json!({ "lines": [] }));
    let expired = post(&sandbox, "/playground/expire", r#"{"openid":"o"}"#).json();
    assert_eq!(expired, json!({ "expired": false }));
}

#[test]
fn a_server_that_is_not_there_is_told_from_one_that_answers() {
    let gone = start();
    let wxauth = Some(gone.base_url());
    gone.stop();
    let sandbox = playground(PlaygroundOptions { wxauth, ..PlaygroundOptions::default() });
    let answer = post(&sandbox, "/playground/servers/wxauth/code2Session", "{}");
    assert_eq!((answer.status(), answer.json()), (200, json!({ "status": null, "body": null })));
    let state = get(&sandbox, "/playground/state?openid=o").json();
    assert_eq!(state["wxauth"]["serves"], false);
}

#[test]
fn only_what_pages_post_is_passed_on() {
    let sandbox = start();
    for path in ["oldDesign/key", "wxauth/healthz", "wxauth/..%2Fmetrics", "other/user"] {
        let answer = post(&sandbox, &format!("/playground/servers/{path}"), "{}");
        assert_eq!(answer.status(), 404, "{path}");
    }
}

#[test]
fn the_log_tells_the_address_and_the_lines_of_a_request() {
    let file = std::env::temp_dir().join(format!("wxauth-playground-{}", std::process::id()));
    let log = "INFO metrics listening on http://127.0.0.1:1\n\
               INFO listening on http://0.0.0.0:2\n\
               WARN request_id=playground-1 error=busy\n\
               INFO request_id=playground-2 status=200\n\
               INFO request_id=playground-1 status=503\n";
    fs::write(&file, log).unwrap();
    let wxauth_log = Some(file.clone());
    let sandbox = playground(PlaygroundOptions { wxauth_log, ..PlaygroundOptions::default() });
    let state = get(&sandbox, "/playground/state?openid=o").json();
    let lines = get(&sandbox, "/playground/log?request_id=playground-1").json();
    fs::remove_file(file).unwrap();
    assert_eq!(state["wxauth"]["address"], "http://127.0.0.1:2");
    assert_eq!(lines["lines"].as_array().map(Vec::len), Some(2), "{lines}");
}

#[test]
fn a_simulation_tells_each_first_tap_of_either_side() {
    let old = start();
    // The old design of another sandbox knows none of this one's codes, so all of its taps fail.
    let wxauth = Some(old.old_design_url());
    let sandbox = playground(PlaygroundOptions { wxauth, ..PlaygroundOptions::default() });
    let told = post(&sandbox, "/playground/simulation", r#"{"users":20,"seed":1}"#).body;
    let taps: Vec<Value> = told
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    let count = |side: &str, opened: bool| {
        taps.iter().filter(|tap| tap["side"] == side && tap["opened"] == opened).count()
    };
    assert_eq!((count("wxauth", true), count("wxauth", false)), (0, 20));
    assert_eq!(count("oldDesign", true) + count("oldDesign", false), 20);
    assert!(count("oldDesign", true) > 5, "{told}");
    assert!(taps.iter().all(|tap| tap["trouble"].is_string()));
}

fn playground(playground: PlaygroundOptions) -> Sandbox {
    Sandbox::start(Options { playground, ..Options::default() }).unwrap()
}
