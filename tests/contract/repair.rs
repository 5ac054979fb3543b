//! Base64 that transport damaged, by JSON and by form.

use serde_json::json;
use wxauth_sandbox::EncryptedData;

use crate::harness::{METRICS, Reader, World};

fn percent_encode(text: &str) -> String {
    text.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

fn wrap(text: &str) -> String {
    let (head, tail) = text.split_at(text.len() / 2);
    format!("\r\n\t  {head} \n    {tail}\n")
}

/// How a page damages a value, and what the log calls it.
type Damage = (fn(&str) -> String, &'static str);

const DAMAGES: &[Damage] = &[
    (|text| text.to_owned(), ""),
    (|text| text.replace('+', " "), "spaces"),
    (percent_encode, "percent_encoding"),
    (|text| percent_encode(&percent_encode(text)), "percent_encoding"),
    (|text| format!("\"{text}\""), "quotes"),
    (wrap, "line_breaks"),
    (|text| text.trim_end_matches('=').to_owned(), "padding"),
    (|text| text.replace('+', "-").replace('/', "_"), "url_safe_alphabet"),
];

#[actix_rt::test]
async fn every_listed_damage_is_mended_in_json_and_in_forms_and_counted() {
    let world = World::new();
    let server = world.server_with(&[METRICS]);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    // An iv and data that have every character which gets lost, the iv at both ends.
    let key = world.wechat.session_key("alice").expect("alice logged in");
    let plain = |spaces: usize| {
        format!(
            r#"{{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","watermark":{{"timestamp":{},"appid":"{}"}}{}}}"#,
            std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs(),
            world.wechat.appid(),
            " ".repeat(spaces),
        )
    };
    let iv = "++/6+/r7+/r7+/r7+/r7+g==";
    let data = (0..)
        .map(|spaces| wxauth_sandbox::encrypt_with_iv(&key, iv, plain(spaces).as_bytes()))
        .find(|data| ["+", "/", "="].iter().all(|lost| data.encrypted_data.contains(lost)))
        .expect("one of many has them all");

    for (damage, name) in DAMAGES {
        let damaged =
            EncryptedData { encrypted_data: damage(&data.encrypted_data), iv: damage(&data.iv) };
        let by_json = page.post_phone(&openid, &damaged).await;
        let form =
            [("openid", &*openid), ("encryptedData", &damaged.encrypted_data), ("iv", &damaged.iv)];
        let by_form = page.form("/getWXUserPhone", &form).await;

        assert_eq!(by_json.status, 200, "{name} by JSON: {}", by_json.json());
        assert_eq!(by_form.status, 200, "{name} by form: {}", by_form.json());
        if !name.is_empty() {
            server.wait_for_line(&format!("repaired={name}"));
        }
    }
    // A page that does not encode its form at all.
    let raw = format!("openid={openid}&encryptedData={}&iv={}", data.encrypted_data, data.iv);
    page.post("/getWXUserPhone", "application/x-www-form-urlencoded", raw).await.assert_ok();

    let counted = |kind| format!("wxauth_repairs_total{{kind=\"{kind}\"}}");
    let (spaces, encoding) = (counted("spaces"), counted("percent_encoding"));
    Reader::of(&server).assert(&[(&spaces, 3), (&encoding, 4)]).await;
}

#[actix_rt::test]
async fn what_cannot_be_mended_is_named() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    let block = "AAAAAAAAAAAAAAAAAAAAAA==";
    for (data, iv, field) in [
        ("AAAA AAAA", block, "encryptedData"),
        ("%ZZ", block, "encryptedData"),
        ("=", block, "encryptedData"),
        ("\"", block, "encryptedData"),
        (block, "%E5%BE%AE", "iv"),
        (block, "AAAAAAAAAAAAAAAAAAAAAB==", "iv"),
        (block, "AAAAAAAAAAA=AAAAAAAAAA==", "iv"),
    ] {
        let body = json!({"openid": "oX", "encryptedData": data, "iv": iv});
        let answer = page.json("/getWXUserPhone", body).await;
        answer.assert_error(400, 40000, "invalid_request", false);
        assert!(answer.text("msg").contains(field), "{data} {iv}");
    }
}
