//! docs/openapi.yaml against a server: its paths, its version, and what its examples show.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{Answer, Client, World};

fn description() -> Value {
    let text = include_str!("../../docs/openapi.yaml");
    serde_norway::from_str(text).expect("it is YAML")
}

#[test]
fn it_has_every_path_and_the_version_of_the_program() {
    let description = description();
    let paths = description["paths"].as_object().expect("paths");
    let mut paths: Vec<&str> = paths.keys().map(String::as_str).collect();
    let mut known = wxauth::http::PATHS;
    paths.sort_unstable();
    known.sort_unstable();
    assert_eq!(paths, known);
    assert_eq!(description["info"]["version"], env!("CARGO_PKG_VERSION"));
}

/// What a page has to send at the place of an example's fields.
async fn real_values(world: &World, page: &Client) -> BTreeMap<&'static str, String> {
    let openid = page.log_in(world, "alice").await;
    let code = world.wechat.login("alice");
    let data = world.wechat.phone("alice");
    BTreeMap::from([
        ("jsCode", code.clone()),
        ("code", code),
        ("openid", openid),
        ("encryptedData", data.encrypted_data),
        ("iv", data.iv),
    ])
}

#[actix_rt::test]
async fn a_request_like_its_example_is_answered_like_its_example() {
    let description = description();
    let world = World::new();
    let server = world.server();
    let page = server.client();
    for path in ["/code2Session", "/getWXUserPhone", "/user"] {
        let operation = &description["paths"][path]["post"];
        let example = &operation["requestBody"]["content"]["application/json"]["example"];
        let fields = example.as_object().expect("an example").keys();
        let values = real_values(&world, &page).await;
        let body: serde_json::Map<_, _> =
            fields.map(|field| (field.clone(), json!(values[field.as_str()]))).collect();
        let answer = page.json(path, body.into()).await;
        answer.assert_ok();
        assert_looks_like(&answer, shown(&description, &operation["responses"]["200"]));

        // Its code, openid and data are made up.
        let refused = page.json(path, example.clone()).await;
        assert_eq!(refused.status, 401, "{path}");
        assert_looks_like(&refused, shown(&description, &operation["responses"]["default"]));
    }
    for path in ["/healthz", "/readyz"] {
        let answer = page.get(path).await;
        answer.assert_ok();
        let responses = &description["paths"][path]["get"]["responses"];
        assert_eq!(&answer.json(), shown(&description, &responses["200"]));
    }
}

/// The example of a response, which stands elsewhere.
fn shown<'a>(description: &'a Value, response: &Value) -> &'a Value {
    let reference = response["$ref"].as_str().expect("a reference").trim_start_matches('#');
    let response = description.pointer(reference).expect("it leads somewhere");
    &response["content"]["application/json"]["example"]
}

#[track_caller]
fn assert_looks_like(answer: &Answer, example: &Value) {
    assert_eq!(shape(&answer.json()), shape(example));
}

/// Names and types.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
        }
        Value::String(_) => json!("string"),
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("boolean"),
        Value::Null | Value::Array(_) => value.clone(),
    }
}
