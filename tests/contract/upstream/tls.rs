//! TLS to WeChat: certificates are checked.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;

use crate::harness::World;

/// Answers every exchange with success over TLS, for as long as the test runs.
fn start_tls_wechat(key: &rcgen::KeyPair, certificate: &rcgen::Certificate) -> String {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let private_key =
        rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private_key)
        .expect("the key fits");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let tls =
                ServerConnection::new(Arc::clone(&config)).expect("the configuration is whole");
            let mut stream = StreamOwned::new(tls, stream);
            let body = r#"{"openid":"oTls","session_key":"AAAAAAAAAAAAAAAAAAAAAA=="}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
            // A client that refuses the certificate is gone by now.
            let mut request = [0; 4096];
            if stream.read(&mut request).is_ok() {
                let _ = stream.write_all(answer.as_bytes());
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    format!("https://localhost:{port}")
}

#[actix_rt::test]
async fn only_a_certificate_of_a_known_authority_is_accepted() {
    let world = World::new();
    let key = rcgen::KeyPair::generate().expect("ring makes keys");
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .and_then(|parameters| parameters.self_signed(&key))
        .expect("a certificate");
    let api_base = start_tls_wechat(&key, &certificate);
    let body = json!({"jsCode": "a"});

    let stranger = world.server_with(&[("WX_API_BASE", &api_base)]);
    let refused = stranger.client().json("/code2Session", body.clone()).await;
    refused.assert_error(502, 50200, "wechat_error", false);
    stranger.wait_for_line("cannot connect to WeChat");

    let file = std::env::temp_dir().join(format!("wxauth-test-ca-{}.pem", std::process::id()));
    std::fs::write(&file, certificate.pem()).expect("the temporary directory can be written");
    let path = file.to_str().expect("UTF-8");
    let friend = world.server_with(&[("WX_API_BASE", &api_base), ("SSL_CERT_FILE", path)]);
    let accepted = friend.client().json("/code2Session", body).await;
    accepted.assert_ok();
    assert_eq!(accepted.text("openid"), "oTls");
    std::fs::remove_file(&file).expect("it was written above");
}
