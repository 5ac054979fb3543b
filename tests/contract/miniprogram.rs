//! The mini-program of 2019 that people are given, its pages run as they are.

use std::process::Command;

use serde_json::Value;

use crate::harness::World;

#[test]
fn the_example_logs_in_and_opens_a_phone() {
    let world = World::new();
    let server = world.server();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/miniprogram/run.js");
    let output = Command::new("node")
        .args([script, &format!("http://{}", server.address()), &world.wechat.base_url()])
        .output()
        .expect("node is installed; scripts/install-missing does it");
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stderr}");
    let stored: Value = serde_json::from_str(&stdout).expect("it prints JSON");
    assert_eq!(stored["openid"], world.wechat.openid("alice"));
    assert_eq!(stored["userInfo"]["phoneNumber"], "13580006666");
    assert_eq!(stored["shown"], "13580006666");
}
