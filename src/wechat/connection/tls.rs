//! Whose certificates are accepted.

use std::sync::{Arc, OnceLock};

use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

/// Made when first asked for, since reading the authorities takes a moment and may warn.
pub fn tls_connector() -> TlsConnector {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    TlsConnector::from(Arc::clone(CONFIG.get_or_init(|| Arc::new(tls_config()))))
}

/// The system's certificate authorities (and `SSL_CERT_FILE`'s), so that a company's own proxy
/// is accepted, and Mozilla's, so that a container without any works too.
fn tls_config() -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        log::warn!("some of the system's certificates cannot be read: {error}");
    }
    roots.add_parsable_certificates(system.certs);
    ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
}
