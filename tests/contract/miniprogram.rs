//! What pages are given, run as it is: the mini-program of 2019, and the code in the docs.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use wxauth_sandbox::Fault;

use crate::harness::{Server, TemporaryFile, World, code_block};

/// What the script prints: JSON.
#[track_caller]
fn run(command: &mut Command) -> Value {
    let output = command.output().expect("scripts/install-missing installs it");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    serde_json::from_str(&stdout).unwrap_or_else(|_| panic!("no JSON: {stdout}{stderr}"))
}

/// Plays the two pages of a mini-program.
fn play(world: &World, server: &Server, directory: &str) -> Value {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/miniprogram/run.js");
    run(Command::new("node").args([script, server.base_url(), &world.wechat.base_url(), directory]))
}

#[test]
fn the_example_logs_in_and_opens_a_phone() {
    let world = World::new();
    let server = world.server();
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/miniprogram");
    let stored = play(&world, &server, example);
    assert_eq!(stored["openid"], world.wechat.openid("alice"));
    assert_eq!(stored["userInfo"]["phoneNumber"], "13580006666");
    assert_eq!(stored["shown"], "13580006666");
}

#[test]
fn the_page_in_both_readmes_logs_in_and_opens_a_phone() {
    let block = code_block("README.md", "js", "onShow");
    assert_eq!(
        block.replace("// login page", "// 登录页"),
        code_block("README.zh-CN.md", "js", "onShow")
    );
    let app = TemporaryFile::new("app.js", "App({ globalData: {} })");
    let page = format!(
        "const {{ server }} = getApp().globalData\n\
         class InTheReadme {{\n{block}\n}}\nPage(new InTheReadme())"
    );
    fs::write(app.beside("page.js"), page).expect("it can be written");
    let pages = json!({"pages": ["page", "page"]}).to_string();
    fs::write(app.beside("app.json"), pages).expect("it can be written");

    let world = World::new();
    let server = world.server();
    let stored = play(&world, &server, app.beside("").to_str().expect("UTF-8"));
    assert_eq!(stored["openid"], world.wechat.openid("alice"));
    assert_eq!(stored["userInfo"]["phoneNumber"], "13580006666");
}

#[test]
fn the_readmes_commands_log_in_and_open_a_phone() {
    let world = World::new();
    let server = world.server();
    let block = code_block("README.md", "sh", "$SANDBOX/sandbox/login");
    let (addresses, commands) = block.split_once('\n').expect("several lines");
    assert!(addresses.starts_with("SERVER=") && addresses.contains(" SANDBOX="), "{addresses}");
    let answer = run(Command::new("bash")
        .args(["-euo", "pipefail", "-c", commands])
        .env("SERVER", server.base_url())
        .env("SANDBOX", world.wechat.base_url()));
    assert_eq!(answer["phoneNumber"], "13580006666");
    let (_, shown) = block.trim_end().rsplit_once("# ").expect("the answer is shown");
    let keys = |answer: &Value| -> Vec<String> {
        answer.as_object().expect("an object").keys().cloned().collect()
    };
    assert_eq!(keys(&serde_json::from_str(shown).expect("JSON")), keys(&answer));
}

/// Both languages have the same.
const PAGES: [&str; 2] = ["docs/http.md", "docs/http.zh-CN.md"];

/// The page's `post` in the docs, in what WeChat's runtime gives it.
fn post(docs: &str, server: &Server, path: &str, data: &Value) -> Value {
    const RUNTIME: &str = r"
        const said = { calls: 0, removed: [], toasts: [] }
        const wx = {
          request: ({ url, data, success, fail }) => {
            said.calls += 1
            fetch(url, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify(data),
            }).then(async (answer) => success({
              statusCode: answer.status,
              data: await answer.json(),
              header: Object.fromEntries(answer.headers),
            })).catch(fail)
          },
          removeStorageSync: (key) => said.removed.push(key),
          showToast: ({ title }) => said.toasts.push(title),
        }
    ";
    let block = code_block(docs, "js", "function post(");
    let script = format!(
        "const server = '{}'\n{RUNTIME}\n{block}\n\
         post('{path}', {data})\n\
         .then((answer) => ({{ answer }}), (error) => ({{ error }}))\n\
         .then((outcome) => console.log(JSON.stringify({{ ...said, ...outcome }})))",
        server.base_url()
    );
    run(Command::new("node").args(["-e", &script]))
}

#[test]
fn the_pages_post_comes_again_after_the_time_that_the_answer_names() {
    let world = World::new();
    let server = world.server_with(&[("WX_TIMEOUT_MS", "1000")]);
    for docs in PAGES {
        world.wechat.fail_next(Fault::Busy, 1_000);
        let code = world.wechat.login("alice");
        let said = post(docs, &server, "/code2Session", &json!({"jsCode": code}));
        assert_eq!((&said["calls"], &said["error"]["error"]), (&json!(2), &json!("wechat_error")));
        assert_eq!(said["toasts"], json!(["微信服务异常，请稍后再试"]));

        world.wechat.clear_faults();
        let said = post(docs, &server, "/code2Session", &json!({"jsCode": code}));
        assert_eq!(said["answer"]["openid"], world.wechat.openid("alice"));
        assert_eq!(said["toasts"], json!([]));
    }
}

#[test]
fn the_pages_post_forgets_an_openid_that_must_log_in_again() {
    let world = World::new();
    let server = world.server_with(&[("LOGIN_GRACE_MS", "0")]);
    world.wechat.login("alice");
    let data = world.wechat.phone("alice");
    let body = json!({"openid": "oNobody", "encryptedData": data.encrypted_data, "iv": data.iv});
    for docs in PAGES {
        let said = post(docs, &server, "/getWXUserPhone", &body);
        assert_eq!((&said["calls"], &said["error"]["relogin"]), (&json!(1), &json!(true)));
        assert_eq!(said["removed"], json!(["openid"]));
        assert_eq!(said["toasts"], json!(["请先登录"]));
    }
}
