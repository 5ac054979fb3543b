//! `POST /getWXUserPhone`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use wxauth_sandbox::{EncryptedData, PhoneOptions, encrypt};

use crate::harness::World;

const PATH: &str = "/getWXUserPhone";

fn phone(number: &str, timestamp: i64) -> PhoneOptions {
    PhoneOptions {
        phone_number: Some(number.to_owned()),
        timestamp: Some(timestamp),
        ..PhoneOptions::default()
    }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs() as i64
}

#[actix_rt::test]
async fn the_2019_page_stores_the_answer_as_its_user_info() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");

    let by_json = page.post_phone(&openid, &data).await;
    let form = [("openid", &*openid), ("encryptedData", &data.encrypted_data), ("iv", &data.iv)];
    let by_form = page.form(PATH, &form).await;

    by_json.assert_ok();
    let expected = json!({
        "userId": 1,
        "openid": openid,
        "phoneNumber": "13580006666",
        "purePhoneNumber": "13580006666",
        "countryCode": "86",
    });
    assert_eq!(by_json.json(), expected);
    assert_eq!(by_form.json(), expected);
    let stored = world.database.value("phone_number", "FROM users");
    assert_eq!(stored.as_deref(), Some("13580006666"));
}

#[actix_rt::test]
async fn the_same_data_again_gives_the_same_answer_and_writes_nothing() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    let first = page.post_phone(&openid, &data).await;
    let state =
        || world.database.column("CONCAT_WS(' ', phone_updated_at, updated_at)", "FROM users");
    world
        .database
        .execute("UPDATE users SET updated_at = '2020-01-01', phone_updated_at = '2020-01-01'");
    let before = state();

    let second = page.post_phone(&openid, &data).await;

    assert_eq!(second.fingerprint(), first.fingerprint());
    assert_eq!(state(), before);
    assert_eq!(world.database.count("FROM phone_history"), 0);
}

#[actix_rt::test]
async fn an_openid_that_never_logged_in_is_told_to_log_in() {
    let world = World::new();
    let server = world.server();
    world.wechat.login("alice");
    let data = world.wechat.phone("alice");

    let answer = server.client().post_phone("oNobody", &data).await;

    answer.assert_error(401, 40100, "login_required", true);
}

const NUMBER: &str =
    r#""phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86""#;

/// A whole phone number, but its padding is 17 to 32 bytes of their own count: PKCS#7 ends at 16.
fn padded_over_a_block(key: &str, watermark: &str) -> EncryptedData {
    let mut plaintext = format!("{{{NUMBER},{watermark}}}").into_bytes();
    let padding = 32 - plaintext.len() % 16;
    plaintext.extend(std::iter::repeat_n(padding as u8, padding));
    // The sandbox adds a block of padding of its own, which is cut off again.
    let data = encrypt(key, &plaintext);
    let mut ciphertext = BASE64.decode(&data.encrypted_data).expect("the sandbox encodes base64");
    ciphertext.truncate(plaintext.len());
    EncryptedData { encrypted_data: BASE64.encode(ciphertext), ..data }
}

#[actix_rt::test]
async fn every_failed_decryption_is_the_same_answer_after_the_same_wait() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let key = world.wechat.session_key("alice").expect("alice logged in");
    let with = |options: PhoneOptions| world.wechat.phone_with("alice", options);
    let plain = |text: &str| encrypt(&key, text.as_bytes());
    let good = world.wechat.phone("alice");
    let watermark =
        format!(r#""watermark":{{"timestamp":{},"appid":"{}"}}"#, now(), world.wechat.appid());
    let shaped = |fields: &str| plain(&format!("{{{fields},{watermark}}}"));

    let cases = [
        (encrypt("AAAAAAAAAAAAAAAAAAAAAA==", b"{}"), "another key"),
        (EncryptedData { iv: "AAAAAAAAAAAAAAAAAAAAAA==".to_owned(), ..good.clone() }, "another iv"),
        (
            EncryptedData { encrypted_data: "AAAAAAAAAAAAAAAAAAAAAA==".to_owned(), ..good },
            "one random block",
        ),
        (encrypt(&key, b"\xff\xfe\xfd"), "not UTF-8"),
        (plain(""), "nothing"),
        (plain("no json"), "not JSON"),
        (plain("[]"), "not an object"),
        (plain("{}"), "an empty object"),
        (
            plain(&format!(
                r#"["13580006666","13580006666","86",{}]"#,
                watermark.trim_start_matches("\"watermark\":")
            )),
            "an array of the values",
        ),
        (
            plain(&format!(r#"{{{NUMBER},"watermark":[{},"{}"]}}"#, now(), world.wechat.appid())),
            "a watermark that is an array",
        ),
        (
            plain(r#"{"openId":"o","nickName":"Band","watermark":{"timestamp":1,"appid":"wx"}}"#),
            "user info",
        ),
        (
            shaped(
                r#""phoneNumber":"1358000666x","purePhoneNumber":"1358000666x","countryCode":"86""#,
            ),
            "a letter",
        ),
        (
            shaped(
                r#""phoneNumber":"186****5613","purePhoneNumber":"186****5613","countryCode":"86""#,
            ),
            "masked",
        ),
        (
            shaped(
                r#""phoneNumber":"13580006666","purePhoneNumber":"13580006667","countryCode":"86""#,
            ),
            "two numbers",
        ),
        (
            shaped(
                r#""phoneNumber":"13580006666","purePhoneNumber":"+13580006666","countryCode":"86""#,
            ),
            "a plus in the pure number",
        ),
        (shaped(r#""phoneNumber":"","purePhoneNumber":"","countryCode":"86""#), "no digits"),
        (
            shaped(
                r#""phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"+86""#,
            ),
            "a plus in the country code",
        ),
        (
            shaped(
                r#""phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":86.5"#,
            ),
            "half a country",
        ),
        (
            shaped(r#""phoneNumber":13580006666,"purePhoneNumber":13580006666,"countryCode":"86""#),
            "numbers for text",
        ),
        (
            with(PhoneOptions {
                appid: Some("wx0000000000000000".to_owned()),
                ..PhoneOptions::default()
            }),
            "another app",
        ),
        (padded_over_a_block(&key, &watermark), "padding of more than a block"),
        (with(phone("13580006666", now() - 86_500)), "too old"),
        (with(phone("13580006666", now() + 400)), "from the future"),
        (with(phone("13580006666", -1)), "before 1970"),
    ];
    let answers: Vec<_> = cases
        .iter()
        .map(|(data, reason)| {
            let (page, openid, data, reason) =
                (page.clone(), openid.clone(), data.clone(), *reason);
            actix_rt::spawn(async move { (page.post_phone(&openid, &data).await, reason) })
        })
        .collect();

    let mut fingerprints = Vec::new();
    for answer in answers {
        let (answer, reason) = answer.await.expect("no post panics");
        answer.assert_error(401, 40103, "decrypt_failed", true);
        assert!(answer.elapsed >= Duration::from_millis(500), "{reason}: {:?}", answer.elapsed);
        fingerprints.push((answer.fingerprint(), reason));
    }
    for (fingerprint, reason) in &fingerprints {
        assert_eq!(fingerprint, &fingerprints[0].0, "{reason}");
    }
    assert_eq!(world.database.value("phone_number", "FROM users"), None);
    server.wait_for_line("check this machine's clock");
}

#[actix_rt::test]
async fn phones_of_every_documented_form_are_understood() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let foreign = PhoneOptions {
        phone_number: Some("+85291234567".to_owned()),
        pure_phone_number: Some("91234567".to_owned()),
        country_code: Some("852".to_owned()),
        ..PhoneOptions::default()
    };
    let numbers = PhoneOptions {
        numeric_country_code: true,
        string_timestamp: true,
        ..PhoneOptions::default()
    };
    let reordered = PhoneOptions {
        plaintext: Some(
            format!(
                r#" {{"watermark":{{"appid":"{}","timestamp":{},"new":1}},"new":[],"countryCode":"86","purePhoneNumber":"13580006666","phoneNumber":"13580006666"}}"#,
                world.wechat.appid(),
                now()
            )
            .into_bytes(),
        ),
        ..PhoneOptions::default()
    };

    for (options, number, pure_number, country_code) in [
        (foreign, "+85291234567", "91234567", "852"),
        (numbers, "13580006666", "13580006666", "86"),
        (reordered, "13580006666", "13580006666", "86"),
    ] {
        let data = world.wechat.phone_with("alice", options);
        let answer = page.post_phone(&openid, &data).await;
        answer.assert_ok();
        assert_eq!(answer.text("phoneNumber"), number);
        assert_eq!(answer.text("purePhoneNumber"), pure_number);
        assert_eq!(answer.text("countryCode"), country_code);
    }
}

#[actix_rt::test]
async fn malformed_fields_are_named_before_any_key_is_fetched() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let block = "AAAAAAAAAAAAAAAAAAAAAA==";
    let huge = "A".repeat(8 * 1024 + 4);
    let body = |openid: Value, data: Value, iv: Value| json!({"openid": openid, "encryptedData": data, "iv": iv});
    let too_long = "o".repeat(65);

    for (body, field, relogin) in [
        (json!({}), "openid", true),
        (body(json!(""), json!(block), json!(block)), "openid", true),
        (body(json!("undefined"), json!(block), json!(block)), "openid", true),
        (body(json!(null), json!(block), json!(block)), "openid", true),
        (body(json!(5), json!(block), json!(block)), "openid", true),
        (body(json!("o o"), json!(block), json!(block)), "openid", false),
        (body(json!("o'; --"), json!(block), json!(block)), "openid", false),
        (body(json!(too_long), json!(block), json!(block)), "openid", false),
        (body(json!("oX"), json!(null), json!(block)), "encryptedData", false),
        (body(json!("oX"), json!("undefined"), json!(block)), "encryptedData", false),
        (body(json!("oX"), json!("!!!!"), json!(block)), "encryptedData", false),
        (body(json!("oX"), json!("AAAA"), json!(block)), "encryptedData", false),
        (body(json!("oX"), json!(huge), json!(block)), "encryptedData", false),
        (body(json!("oX"), json!(block), json!("")), "iv", false),
        (body(json!("oX"), json!(block), json!("AAAA")), "iv", false),
        (body(json!("oX"), json!(block), json!({})), "iv", false),
    ] {
        let answer = page.json(PATH, body.clone()).await;
        answer.assert_error(400, 40000, "invalid_request", relogin);
        assert!(answer.text("msg").contains(field), "{body}");
    }
}

#[actix_rt::test]
async fn the_other_name_of_the_openid_is_understood() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");

    let body = json!({"openid": "undefined", "openId": openid, "encryptedData": data.encrypted_data, "iv": data.iv});

    page.json(PATH, body).await.assert_ok();
}
