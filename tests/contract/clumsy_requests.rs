//! Pages of 2019 whose wrappers send odd requests, and which cannot be changed.

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use wxauth_sandbox::EncryptedData;

use crate::harness::{Answer, Client, World};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";
const LOGIN: &str = "/code2Session";
const PHONE: &str = "/getWXUserPhone";
const BLOCK: &str = "AAAAAAAAAAAAAAAAAAAAAA==";

/// A request as a page sends it; no type is no header.
#[derive(Debug, Clone)]
struct Sent {
    method: &'static str,
    path: String,
    content_type: Option<String>,
    body: Vec<u8>,
}

impl Sent {
    fn post(path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let content_type = Some(content_type.to_owned()).filter(|name| !name.is_empty());
        Self { method: "POST", path: path.to_owned(), content_type, body: body.into() }
    }

    fn get(path: String) -> Self {
        Self { method: "GET", path, content_type: Some(JSON.to_owned()), body: Vec::new() }
    }

    async fn to(&self, page: &Client) -> Answer {
        let headers: Vec<_> =
            self.content_type.iter().map(|value| ("content-type", value.as_str())).collect();
        page.send(self.method, &self.path, &headers, self.body.clone()).await
    }
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

#[actix_rt::test]
async fn a_login_is_understood_however_clumsily_it_is_sent() {
    let world = World::with_rate_limit(None);
    let server = world.server();
    let page = server.client();
    let code = || world.wechat.login("alice");
    let body = || json!({"jsCode": code()}).to_string();
    let form = || encoded(&[("jsCode", &code())]);

    let cases = [
        (Sent::post(LOGIN, "", body()), "no type"),
        (Sent::post(LOGIN, "json", body()), "half a type"),
        (Sent::post(LOGIN, "text/plain", body()), "a text's type"),
        (Sent::post(LOGIN, "application/text", body()), "a type that is none"),
        (Sent::post(LOGIN, "application-json", body()), "a type misspelt"),
        (Sent::post(LOGIN, "application/json, application/json", body()), "the type said twice"),
        (
            Sent::post(LOGIN, "multipart/form-data; boundary=x", body()),
            "an upload's type over JSON",
        ),
        (Sent::post(LOGIN, FORM, body()), "a form's type over JSON"),
        (Sent::post(LOGIN, JSON, form()), "JSON's type over a form"),
        (Sent::post(LOGIN, "", form()), "a form without a type"),
        (Sent::post(LOGIN, "text/plain", form()), "a form as text"),
        (Sent::post(LOGIN, JSON, json!(body()).to_string()), "made JSON twice"),
        (Sent::post(LOGIN, FORM, json!(body()).to_string()), "made JSON twice, as a form"),
        (Sent::post(LOGIN, JSON, format!("\u{feff}{}", body())), "a byte-order mark"),
        (Sent::post(LOGIN, JSON, format!("\r\n {}", body())), "spaces before it"),
        (Sent::post(LOGIN, JSON, json!({"jscode": code()}).to_string()), "jscode"),
        (Sent::post(LOGIN, JSON, json!({"js_code": code(), "code": "x"}).to_string()), "e.detail"),
        (Sent::get(format!("{LOGIN}?{}", form())), "wx.request's default method"),
        (
            Sent::post(&format!("{LOGIN}?{}", form()), JSON, ""),
            "a POST with its field in the query",
        ),
        (
            Sent::post(&format!("{LOGIN}?{}", form()), JSON, "\u{feff}"),
            "a mark and nothing else, with its field in the query",
        ),
        (
            Sent::post(&format!("{LOGIN}?{}", form()), "text/plain", " \r\n"),
            "spaces and nothing else, with its field in the query",
        ),
        (Sent::post(&format!("{LOGIN}?jsCode=x&code=y"), JSON, body()), "the body wins"),
        (
            Sent::post(&format!("{LOGIN}?jsCode={}", code()), JSON, r#"{"code":"x"}"#),
            "the name wins",
        ),
        (
            Sent::post(&format!("{LOGIN}?jsCode={}", code()), "text/plain", "x=1&jsCode="),
            "an empty one",
        ),
        (Sent::post("//code2Session", JSON, body()), "a doubled slash"),
        (Sent::post("/code2Session/", JSON, body()), "a slash at the end"),
        (Sent::post("/CODE2SESSION", JSON, body()), "another case"),
        (
            Sent::post(LOGIN, JSON, format!(r#"{{"nickName":"\ud83d","jsCode":"{}"}}"#, code())),
            "half an emoji in a field that nobody reads",
        ),
    ];
    for (sent, reason) in cases {
        let answer = sent.to(&page).await;
        assert_eq!(answer.status, 200, "{reason}: {sent:?}: {}", answer.json());
        answer.assert_ok();
    }
}

#[actix_rt::test]
async fn a_phone_is_found_one_level_down_and_a_code_or_an_openid_is_not() {
    let world = World::with_rate_limit(None);
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let EncryptedData { encrypted_data: data, iv } = world.wechat.phone("alice");
    let inner = json!({"encryptedData": data, "iv": iv});
    let other = json!({"encryptedData": BLOCK, "iv": BLOCK});
    let form = |fields: &[(&str, &str)]| Sent::post(PHONE, FORM, encoded(fields));
    let json = |value: Value| Sent::post(PHONE, JSON, value.to_string());

    for (sent, reason) in [
        (json(json!({"openid": openid, "detail": inner})), "e.detail"),
        (json(json!({"openid": openid, "wxInfo": inner})), "an object of the page's own"),
        (json(json!({"openid": openid, "detail": inner.to_string()})), "an object made text"),
        (
            json(json!({"openid": openid, "encryptedData": data, "iv": iv, "a": other})),
            "the top first",
        ),
        (json(json!({"openid": openid, "iv": BLOCK, "a": inner})), "both from one object"),
        (
            json(json!({"openid": openid, "a": {"iv": BLOCK}, "b": inner})),
            "both from one object, though another has half of it",
        ),
        (
            form(&[("openid", &openid), ("data[encryptedData]", &data), ("data[iv]", &iv)]),
            "how forms write an object",
        ),
        (
            form(&[("openid", &openid), ("detail", &inner.to_string())]),
            "an object made text in a form",
        ),
        (json(json!({"openid": format!("\"{openid}\""), "detail": inner})), "stored as JSON twice"),
        (json(json!({"openid": format!(" {openid}\n"), "detail": inner})), "spaces around"),
        (json(json!({"openid": "undefined", "open_id": openid, "detail": inner})), "open_id"),
        (
            Sent::get(format!(
                "{PHONE}?{}",
                encoded(&[("openId", &openid), ("encryptedData", &data), ("iv", &iv)])
            )),
            "all of it in the query",
        ),
        (
            Sent::post(&format!("{PHONE}?openid={openid}"), JSON, inner.to_string()),
            "the openid in the query",
        ),
    ] {
        let answer = sent.to(&page).await;
        assert_eq!(answer.status, 200, "{reason}: {}", answer.json());
    }

    let answer = page.json(PHONE, json!({"detail": {"openid": openid}, "a": inner})).await;
    answer.assert_error(400, 40000, "invalid_request", true);
    let inner_code = json!({"detail": {"jsCode": world.wechat.login("alice")}});
    page.json(LOGIN, inner_code).await.assert_error(400, 40000, "invalid_request", false);
    let halves = json!({"openid": openid, "encryptedData": data, "detail": {"iv": iv}});
    let answer = page.json(PHONE, halves).await;
    answer.assert_error(400, 40000, "invalid_request", false);
    assert!(answer.text("msg").contains("iv"), "{}", answer.json());
}

#[actix_rt::test]
async fn the_code_of_the_phone_component_is_called_what_it_is() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let phone_code = "0123456789abcdef".repeat(4);

    let tap = page.json(PHONE, json!({"openid": openid, "code": phone_code})).await;
    tap.assert_error(400, 40000, "invalid_request", false);
    let login = page.json(LOGIN, json!({"code": phone_code})).await;
    login.assert_error(401, 40102, "code_rejected", true);
    for answer in [tap, login] {
        assert!(answer.text("msg").contains("手机号组件"), "{}", answer.json());
    }

    // Who refuses to give the number posts a login's code alone.
    for nothing in [json!(null), json!("undefined")] {
        let code = world.wechat.login("alice");
        let body = json!({"openid": openid, "code": code, "encryptedData": nothing, "iv": nothing});
        for path in ["/user", PHONE] {
            let answer = page.json(path, body.clone()).await;
            answer.assert_error(400, 40000, "invalid_request", false);
            let message = answer.text("msg");
            assert!(
                message.contains("encryptedData") && !message.contains("手机号组件"),
                "{message}"
            );
        }
    }
}

#[actix_rt::test]
async fn a_head_exchanges_nothing_and_other_methods_are_refused() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let code = world.wechat.login("alice");

    for path in [LOGIN, PHONE, "/user"] {
        for method in ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"] {
            let answer = page.send(method, &format!("{path}?jsCode={code}"), &[], Vec::new()).await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert_eq!(answer.header("allow"), Some("GET, POST"));
        }
        let answer = page.get(path).await;
        answer.assert_error(400, 40000, "invalid_request", path == PHONE);
    }
    assert_eq!(world.wechat.calls().total, 0);
}

/// What can be wrong with a request, each part drawn by itself.
#[derive(Debug, Clone)]
struct Clumsiness {
    is_form: bool,
    content_type: String,
    /// Made JSON so many times.
    json_times: usize,
    prefix: &'static str,
    path: String,
    nested: Option<&'static str>,
    openid_name: &'static str,
    quote: &'static str,
    in_query: bool,
}

fn clumsiness() -> impl Strategy<Value = Clumsiness> {
    let path = ("/{1,3}", proptest::collection::vec(any::<bool>(), PHONE.len() - 1), "/{0,2}");
    let path = path.prop_map(|(before, upper, after)| {
        let letters = PHONE.chars().skip(1).zip(upper);
        let written = letters
            .map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
        format!("{before}{}{after}", written.collect::<String>())
    });
    let content_type = prop_oneof![
        Just(String::new()),
        Just(JSON.to_owned()),
        Just(FORM.to_owned()),
        Just(format!("{JSON}, {FORM}")),
        "[a-z]{1,8}(/[a-z]{1,8})?(; ?[a-z]{1,8}=[a-z0-9-]{1,8})?",
    ];
    let names = prop_oneof![Just("openid"), Just("openId"), Just("open_id")];
    let quotes = prop_oneof![Just(""), Just("\""), Just("'"), Just(" "), Just("\n\"")];
    let nested = prop_oneof![Just(None), Just(Some("detail")), Just(Some("wxInfo"))];
    let prefix = prop_oneof![Just(""), Just("\u{feff}"), Just(" \r\n"), Just("\t\u{feff}")];
    (any::<bool>(), content_type, 1..3_usize, prefix, path, nested, names, quotes, any::<bool>())
        .prop_map(
            |(
                is_form,
                content_type,
                json_times,
                prefix,
                path,
                nested,
                openid_name,
                quote,
                in_query,
            )| {
                Clumsiness {
                    is_form,
                    content_type,
                    json_times,
                    prefix,
                    path,
                    nested,
                    openid_name,
                    quote,
                    in_query,
                }
            },
        )
}

fn clumsily(clumsy: &Clumsiness, openid: &str, data: &EncryptedData) -> Sent {
    let openid = format!("{0}{openid}{0}", clumsy.quote);
    let name = |field: &str| match clumsy.nested {
        Some(object) => format!("{object}[{field}]"),
        None => field.to_owned(),
    };
    let (data_name, iv_name) = (name("encryptedData"), name("iv"));
    let form = encoded(&[
        (clumsy.openid_name, &openid),
        (&data_name, &data.encrypted_data),
        (&iv_name, &data.iv),
    ]);
    if clumsy.in_query {
        return Sent::get(format!("{}?{form}", clumsy.path));
    }
    if clumsy.is_form {
        return Sent::post(&clumsy.path, &clumsy.content_type, form);
    }
    let phone = json!({"encryptedData": data.encrypted_data, "iv": data.iv});
    let mut fields = match clumsy.nested {
        Some(object) => json!({object: phone}),
        None => phone,
    };
    fields[clumsy.openid_name] = json!(openid);
    let mut body = fields.to_string();
    for _ in 1..clumsy.json_times {
        body = json!(body).to_string();
    }
    Sent::post(&clumsy.path, &clumsy.content_type, format!("{}{body}", clumsy.prefix))
}

#[actix_rt::test]
async fn every_mixture_of_clumsiness_is_understood() {
    const CASES: usize = 500;
    let world = World::with_rate_limit(None);
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    let mut runner = TestRunner::default();
    let strategy = clumsiness();

    for _ in 0..CASES {
        let clumsy = strategy.new_tree(&mut runner).expect("a value").current();
        let sent = clumsily(&clumsy, &openid, &data);
        let answer = sent.to(&page).await;
        assert_eq!(answer.status, 200, "{clumsy:?}: {}", answer.json());
        assert_eq!(answer.text("openid"), openid);
    }
}
