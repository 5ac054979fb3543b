//! What the phone encrypts, opened again here by hand.

mod client;

use aes::Aes128;
use aes::cipher::{BlockDecrypt, NewBlockCipher};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use client::start;
use serde_json::json;
use wxauth_sandbox::{EncryptedData, PhoneOptions, encrypt, encrypt_with_iv};

fn open(session_key: &str, data: &EncryptedData) -> Vec<u8> {
    let bytes = |base64: &str| STANDARD.decode(base64).unwrap();
    let key: [u8; 16] = bytes(session_key).try_into().unwrap();
    let mut previous: [u8; 16] = bytes(&data.iv).try_into().unwrap();
    let mut plaintext = Vec::new();
    for block in bytes(&data.encrypted_data).as_chunks::<16>().0 {
        let mut opened = *block;
        Aes128::new(&key.into()).decrypt_block((&mut opened).into());
        plaintext.extend(opened.iter().zip(previous).map(|(byte, before)| byte ^ before));
        previous = *block;
    }
    let padding = plaintext.last().copied().unwrap();
    assert!(plaintext.ends_with(&vec![padding; padding.into()]));
    plaintext.truncate(plaintext.len() - usize::from(padding));
    plaintext
}

fn open_text(session_key: &str, data: &EncryptedData) -> String {
    String::from_utf8(open(session_key, data)).unwrap()
}

#[test]
fn the_phone_encrypts_the_users_number_as_wechat_writes_it() {
    let sandbox = start();
    sandbox.login("alice");
    let timestamp = Some(1_634_545_675);
    let options = PhoneOptions { timestamp, ..PhoneOptions::default() };
    let data = sandbox.phone_with("alice", options);
    assert_eq!(data.encrypted_data.len(), 216);
    assert_eq!(
        open_text(&sandbox.session_key("alice").unwrap(), &data),
        r#"{"phoneNumber":"13580006666","purePhoneNumber":"13580006666","countryCode":"86","watermark":{"timestamp":1634545675,"appid":"wx5a6b7c8d9e0f1a2b"}}"#
    );
}

#[test]
fn the_phone_encrypts_under_the_current_key_with_a_new_iv_each_time() {
    let sandbox = start();
    sandbox.login("alice");
    let before = sandbox.session_key("alice").unwrap();
    sandbox.login_rotating("alice");
    let after = sandbox.session_key("alice").unwrap();
    let (data, again) = (sandbox.phone("alice"), sandbox.phone("alice"));
    assert_ne!(data.iv, again.iv);
    assert_ne!(before, after);
    assert!(open_text(&after, &data).contains("13580006666"));
}

#[test]
fn everything_in_the_phone_data_can_be_chosen() {
    let sandbox = start();
    sandbox.login("alice");
    let data = sandbox.phone_with(
        "alice",
        PhoneOptions {
            phone_number: Some("+85251230000".to_owned()),
            country_code: Some("852".to_owned()),
            timestamp: Some(1),
            appid: Some("wx0".to_owned()),
            numeric_country_code: true,
            string_timestamp: true,
            ..PhoneOptions::default()
        },
    );
    let plaintext = open_text(&sandbox.session_key("alice").unwrap(), &data);
    let plaintext: serde_json::Value = serde_json::from_str(&plaintext).unwrap();
    let expected = json!({
        "phoneNumber": "+85251230000",
        "purePhoneNumber": "51230000",
        "countryCode": 852,
        "watermark": { "timestamp": "1", "appid": "wx0" },
    });
    assert_eq!(plaintext, expected);
}

#[test]
fn any_bytes_can_be_encrypted_instead() {
    let sandbox = start();
    sandbox.login("alice");
    let session_key = sandbox.session_key("alice").unwrap();
    // Lengths on both sides of a block's end, where padding goes wrong.
    for length in [0, 1, 15, 16, 17, 32] {
        let plaintext = Some(vec![0xff; length]);
        let options = PhoneOptions { plaintext, ..PhoneOptions::default() };
        let data = sandbox.phone_with("alice", options);
        assert_eq!(open(&session_key, &data), vec![0xff; length]);
        assert_eq!(open(&session_key, &encrypt(&session_key, &vec![7; length])).len(), length);
    }
}

#[test]
#[should_panic(expected = "the sandbox's user \"alice\" never logged in")]
fn a_user_who_never_logged_in_has_no_phone_data() {
    start().phone("alice");
}

/// WeChat's own published sample, found in its download and in most SDKs' tests.
#[test]
fn encryption_gives_the_published_known_answer() {
    let plaintext = r#"{"openId":"oGZUI0egBJY1zhBYw2KhdUfwVJJE","nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2AHWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0","unionId":"ocMvos6NjeKLIBqg5Mr9QjxrP1FA","watermark":{"timestamp":1477314187,"appid":"wx4f4bc4dec97d474b"}}"#;
    let data = encrypt_with_iv(
        "tiihtNczf5v6AKRyjwEUhQ==",
        "r7BXXKkLb8qrSNn05n0qiA==",
        plaintext.as_bytes(),
    );
    assert_eq!(
        data.encrypted_data,
        "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="
    );
}
