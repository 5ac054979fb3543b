//! TLS to the database: what DATABASE_URL asks for is given, or refused with what to do.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::faults::mariadb::Mariadb;
use crate::harness::{Database, Server, TemporaryFile, World};

/// A server's certificate and key, and the authority that signed it.
struct Certificates {
    authority: TemporaryFile,
    certificate: TemporaryFile,
    key: TemporaryFile,
}

impl Certificates {
    /// For a host of this name.
    fn of(host: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Of one name they would be taken for one.
        params.distinguished_name.push(DnType::CommonName, "an authority");
        let authority_key = KeyPair::generate().expect("ring makes keys");
        let authority = params.self_signed(&authority_key).expect("a key signs");
        let issuer = Issuer::from_params(&params, &authority_key);
        let key = KeyPair::generate().expect("ring makes keys");
        let mut params = CertificateParams::new(vec![host.to_owned()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, host);
        let certificate = params.signed_by(&key, &issuer).expect("a key signs");
        Self {
            authority: TemporaryFile::new("ca.pem", authority.pem()),
            certificate: TemporaryFile::new("server.pem", certificate.pem()),
            key: TemporaryFile::new("server.key", key.serialize_pem()),
        }
    }

    fn options(&self) -> [String; 3] {
        [
            format!("--ssl-ca={}", self.authority.path()),
            format!("--ssl-cert={}", self.certificate.path()),
            format!("--ssl-key={}", self.key.path()),
        ]
    }
}

fn server_with(certificates: &Certificates, more: &[&str]) -> Mariadb {
    let options = certificates.options();
    let options = options.iter().map(String::as_str).chain(more.iter().copied());
    Mariadb::start(&options.collect::<Vec<_>>())
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy)]
enum Expected {
    Encrypted,
    Plain,
    /// With a line that says this.
    Refused(&'static str),
}
use Expected::{Encrypted, Plain, Refused};

const NO_TLS: Expected = Refused("is not encrypted, as DATABASE_URL asks");
const UNPROVEN: Expected = Refused("--features bundled");
const BAD_CERTIFICATE: Expected = Refused("certificate");

#[track_caller]
fn assert_connects(world: &World, query: &str, expected: Expected) {
    let url = format!("{}{query}", world.database.url());
    let mut variables = world.variables();
    variables.retain(|(name, _)| *name != "DATABASE_URL");
    variables.push(("DATABASE_URL", url));
    // A server that would serve goes on; one that may not ends at once, with one line.
    let migrating = Server::spawn(&["migrate"], &variables, &[]);
    let (status, log) = migrating.wait();
    let tables = "FROM information_schema.tables WHERE table_schema = DATABASE()";
    match expected {
        Refused(says) => {
            assert_eq!(status.code(), Some(1), "{query}: {log}");
            assert_eq!(log.lines().count(), 1, "{query}: {log}");
            assert!(log.contains(says), "{query}: {log}");
            assert_eq!(world.database.count(tables), 0, "{query}: nothing was sent in the clear");
        }
        Encrypted | Plain => {
            assert!(status.success(), "{query}: {log}");
            let doctor = crate::harness::Finished::of(&["doctor", "--json"], &variables, b"");
            let findings: Vec<Value> = serde_json::from_str(&doctor.stdout).expect("JSON");
            let finding = findings.iter().find(|finding| finding["check"] == "database_encryption");
            let found = finding.expect("doctor knows")["found"].as_str().expect("a sentence");
            let is_encrypted = found.starts_with("encrypted with");
            assert_eq!(is_encrypted, matches!(expected, Encrypted), "{query}: {found}");
        }
    }
}

/// One world a case, as the first success leaves tables.
#[track_caller]
fn assert_each(mariadb: &Mariadb, cases: &[(&str, Expected)]) {
    for (query, expected) in cases {
        let world = World::on(Database::that_dies_with(&mariadb.url()));
        assert_connects(&world, query, *expected);
    }
}

#[test]
fn a_server_with_tls_gives_what_is_asked_for() {
    let certificates = Certificates::of("127.0.0.1");
    let mariadb = server_with(&certificates, &[]);
    let ca = format!("ssl_ca={}", certificates.authority.path());
    let other = Certificates::of("127.0.0.1");
    let other_ca = format!("ssl_ca={}", other.authority.path());
    let with = |mode: &str, ca: &str| format!("?ssl_mode={mode}&{ca}");

    assert_each(
        &mariadb,
        &[
            ("", Plain),
            ("?ssl_mode=disabled", Plain),
            (&with("disabled", &ca), Plain),
            (&with("preferred", &ca), Encrypted),
            (&with("required", &ca), Encrypted),
            (&with("REQUIRED", &ca), Encrypted),
            (&format!("?{ca}"), Encrypted),
            ("?ssl_mode=required", NO_TLS),
            (&with("preferred", &other_ca), BAD_CERTIFICATE),
            (&with("required", &other_ca), BAD_CERTIFICATE),
            (&format!("?{other_ca}"), BAD_CERTIFICATE),
            (&with("verify_ca", &ca), UNPROVEN),
            (&with("verify_identity", &ca), UNPROVEN),
            (&with("verify_identity", &other_ca), UNPROVEN),
        ],
    );
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let mariadb = Mariadb::start(&["--skip-ssl"]);
    let certificates = Certificates::of("127.0.0.1");
    let ca = format!("ssl_ca={}", certificates.authority.path());

    assert_each(
        &mariadb,
        &[
            ("", Plain),
            ("?ssl_mode=disabled", Plain),
            ("?ssl_mode=preferred", Plain),
            ("?ssl_mode=required", NO_TLS),
            (&format!("?{ca}"), NO_TLS),
            (&format!("?ssl_mode=required&{ca}"), NO_TLS),
            ("?ssl_mode=verify_ca", UNPROVEN),
            ("?ssl_mode=verify_identity", UNPROVEN),
        ],
    );
}

#[test]
fn a_server_that_demands_tls_gets_it_or_is_told_from_a_wrong_password() {
    let certificates = Certificates::of("127.0.0.1");
    let mut mariadb = server_with(&certificates, &[]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    let url = format!("{}?ssl_ca={}", world.database.url(), certificates.authority.path());
    mariadb.shut_down();
    let mut options = certificates.options().to_vec();
    options.push("--require-secure-transport=ON".to_owned());
    mariadb.set_options(&options.iter().map(String::as_str).collect::<Vec<_>>());
    mariadb.start_again_without_asking();

    let encrypted = Server::spawn(&["migrate"], &world.variables(), &[("DATABASE_URL", &url)]);
    let (status, log) = encrypted.wait();
    assert!(status.success(), "{log}");
    let doctor = world.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("ask for it with ssl_mode=required and ssl_ca"),
        "{}",
        doctor.stdout
    );
}

#[test]
fn a_spelling_that_would_be_passed_over_stops_the_start() {
    let world = World::new();
    for (query, says) in [
        ("sslmode=required", "a parameter sslmode, which means nothing here"),
        ("ssl-mode=required", "a parameter ssl-mode, which means nothing here"),
        ("useSSL=true", "a parameter useSSL, which means nothing here"),
        ("SSL_MODE=required", "a parameter SSL_MODE, which means nothing here"),
        ("tls=true", "a parameter tls, which means nothing here"),
        ("ssl_mode=verify-ca", "ssl_mode in DATABASE_URL must be disabled, preferred"),
        ("ssl_mode=", "ssl_mode in DATABASE_URL must be disabled, preferred"),
    ] {
        let url = format!("{}?{query}", world.database.url());
        let (status, log) =
            Server::spawn(&["serve", "--migrate"], &world.variables(), &[("DATABASE_URL", &url)])
                .wait();
        assert_eq!(status.code(), Some(1), "{query}: {log}");
        assert_eq!(log.lines().count(), 1, "{query}: {log}");
        assert!(log.contains(says), "{query}: {log}");
    }
}
