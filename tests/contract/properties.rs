//! No body, however broken, makes a 5xx or a panic.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::harness::World;

const CASES: usize = 600;
const BLOCK: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// A body and how it calls itself.
fn broken_request() -> impl Strategy<Value = (String, Vec<u8>)> {
    let content_type = prop_oneof![
        8 => Just("application/json".to_owned()),
        4 => Just("application/x-www-form-urlencoded".to_owned()),
        1 => "[ -~]{0,30}",
    ];
    let name = prop_oneof![
        Just("jsCode"),
        Just("code"),
        Just("openid"),
        Just("openId"),
        Just("encryptedData"),
        Just("iv"),
        Just("x"),
    ];
    let value = prop_oneof![
        any::<String>().prop_map(|text| serde_json::Value::String(text).to_string()),
        "[A-Za-z0-9+/=_%\\- ]{0,64}".prop_map(|text| serde_json::Value::String(text).to_string()),
        Just(format!("\"{BLOCK}\"")),
        Just("\"undefined\"".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        Just("{\"a\":[1,{}]}".to_owned()),
        "[\\[{]{1,300}",
    ];
    let object = prop::collection::vec((name, value), 0..8).prop_map(|fields| {
        let fields: Vec<_> =
            fields.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", fields.join(",")).into_bytes()
    });
    let form =
        "((jsCode|code|openid|encryptedData|iv)=[ -~]{0,60}&){0,6}".prop_map(String::into_bytes);
    let body = prop_oneof![object, form, prop::collection::vec(any::<u8>(), 0..200)];
    (content_type, body)
}

#[actix_rt::test]
async fn no_body_makes_a_5xx_or_a_panic() {
    let world = World::with_rate_limit(None);
    world.wechat.login("alice");
    let server = world.server();
    let page = server.client();
    let mut runner = TestRunner::default();
    let strategy = broken_request();

    let mut posts = Vec::new();
    for path in ["/code2Session", "/getWXUserPhone"] {
        for _ in 0..CASES {
            let (content_type, body) = strategy.new_tree(&mut runner).expect("a value").current();
            let page = page.clone();
            posts.push(actix_rt::spawn(async move {
                let answer = page.post(path, &content_type, body.clone()).await;
                (answer, content_type, body)
            }));
        }
        for post in posts.drain(..) {
            let (answer, content_type, body) = post.await.expect("a whole answer");
            assert!(
                answer.status < 500,
                "{} for {content_type}: {:?}",
                answer.status,
                String::from_utf8_lossy(&body)
            );
        }
    }
    page.get("/healthz").await.assert_ok();
    assert!(!server.log().contains("panicked"), "{}", server.log());
}
