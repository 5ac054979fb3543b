//! TLS to the database: what DATABASE_URL asks for is given, or refused with what to do.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use crate::faults::mariadb::Mariadb;
use crate::harness::{Database, Finished, Server, TemporaryFile, World};

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
        let authority = format!("authority {:x}", fastrand::u64(..));
        params.distinguished_name.push(DnType::CommonName, authority);
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
    /// With what doctor says of how it is verified.
    Encrypted(&'static str),
    Plain,
    /// With a line that says this.
    Refused(&'static str),
}
use Expected::{Encrypted, Plain, Refused};

const AUTHORITY: Expected = Encrypted("; the certificate's authority is checked, its name is not");
const BAD_CERTIFICATE: Expected = Refused("certificate");
/// What MariaDB says to who may not come in the clear, be it with another word than MySQL's.
const TLS_DEMANDED: Expected = Refused("ask for it with ssl_mode=required and ssl_ca");

/// What a server is asked for, and what becomes of it.
struct Row {
    /// `""` is none.
    mode: &'static str,
    names_authority: bool,
    on: [Expected; 5],
}

/// The columns of the table.
#[derive(Debug, Clone, Copy)]
enum On {
    /// A server with a certificate for its address, of the authority that is named.
    Tls,
    /// One that has no TLS.
    NoTls,
    /// One that takes nothing else.
    Demanding,
    /// One whose certificate is of another authority.
    OtherAuthority,
    /// One whose certificate is for another name.
    OtherName,
}

const fn row(mode: &'static str, names_authority: bool, on: [Expected; 5]) -> Row {
    Row { mode, names_authority, on }
}

#[cfg(not(feature = "bundled"))]
const NO_TLS: Expected = Refused("is not encrypted, as DATABASE_URL asks");
#[cfg(not(feature = "bundled"))]
const UNPROVEN: Expected = Refused("--features bundled");
/// MariaDB's Connector/C encrypts where an authority is named, and nowhere else.
#[cfg(not(feature = "bundled"))]
const ROWS: [Row; 12] = [
    row("", false, [Plain, Plain, TLS_DEMANDED, Plain, Plain]),
    row("", true, [AUTHORITY, NO_TLS, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("disabled", false, [Plain, Plain, TLS_DEMANDED, Plain, Plain]),
    row("disabled", true, [Plain, Plain, TLS_DEMANDED, Plain, Plain]),
    row("preferred", false, [Plain, Plain, TLS_DEMANDED, Plain, Plain]),
    row("preferred", true, [AUTHORITY, Plain, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("required", false, [NO_TLS, NO_TLS, TLS_DEMANDED, NO_TLS, NO_TLS]),
    row("required", true, [AUTHORITY, NO_TLS, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("verify_ca", false, [UNPROVEN; 5]),
    row("verify_ca", true, [UNPROVEN; 5]),
    row("verify_identity", false, [UNPROVEN; 5]),
    row("verify_identity", true, [UNPROVEN; 5]),
];

#[cfg(feature = "bundled")]
const NOT_CHECKED: Expected = Encrypted("; the certificate is not checked");
#[cfg(feature = "bundled")]
const NAME: Expected = Encrypted("; the certificate's authority and name are checked");
#[cfg(feature = "bundled")]
const NO_TLS: Expected = Refused("SSL is required");
#[cfg(feature = "bundled")]
const WITHOUT_AUTHORITY: [Expected; 5] = {
    let refused = Refused("CA certificate is required");
    [refused, NO_TLS, refused, refused, refused]
};
/// MySQL's own does as each mode says.
#[cfg(feature = "bundled")]
const ROWS: [Row; 12] = [
    row("", false, [NOT_CHECKED, Plain, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED]),
    row("", true, [AUTHORITY, NO_TLS, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("disabled", false, [Plain, Plain, TLS_DEMANDED, Plain, Plain]),
    row("disabled", true, [Plain, Plain, TLS_DEMANDED, Plain, Plain]),
    row("preferred", false, [NOT_CHECKED, Plain, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED]),
    row("preferred", true, [AUTHORITY, Plain, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("required", false, [NOT_CHECKED, NO_TLS, NOT_CHECKED, NOT_CHECKED, NOT_CHECKED]),
    row("required", true, [AUTHORITY, NO_TLS, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("verify_ca", false, WITHOUT_AUTHORITY),
    row("verify_ca", true, [AUTHORITY, NO_TLS, AUTHORITY, BAD_CERTIFICATE, AUTHORITY]),
    row("verify_identity", false, WITHOUT_AUTHORITY),
    row("verify_identity", true, [NAME, NO_TLS, NAME, BAD_CERTIFICATE, BAD_CERTIFICATE]),
];

#[track_caller]
fn assert_connects(world: &World, query: &str, on: On, expected: Expected) {
    let url = format!("{}?{query}", world.database.url());
    let mut variables = world.variables();
    variables.retain(|(name, _)| *name != "DATABASE_URL");
    variables.push(("DATABASE_URL", url));
    let doctor = Finished::of(&["doctor", "--json"], &variables, b"").json();
    let finding = |check| {
        let findings = doctor.as_array().expect("an array");
        findings.iter().find(|finding| finding["check"] == check).expect("doctor knows")
    };
    let (connection, encryption) = (finding("database_connection"), finding("database_encryption"));
    let found = encryption["found"].as_str().expect("a sentence");
    match expected {
        Refused(says) => {
            assert_eq!(connection["state"], "failed", "{on:?} {query}: {found}");
            assert!(connection.to_string().contains(says), "{on:?} {query}: {connection}");
        }
        Encrypted(verified) => {
            assert!(found.starts_with("encrypted with"), "{on:?} {query}: {found}");
            assert!(found.ends_with(verified), "{on:?} {query}: {found}");
        }
        Plain => assert!(found.starts_with("not encrypted"), "{on:?} {query}: {found}"),
    }
    // A wrong password, which this may be, is waited for.
    if let (Refused(says), false) = (expected, matches!(on, On::Demanding)) {
        // A server that would serve goes on; one that may not ends at once, with one line.
        let (status, log) = Server::spawn(&["migrate"], &variables, &[]).wait();
        assert_eq!(status.code(), Some(1), "{on:?} {query}: {log}");
        assert_eq!(log.lines().count(), 1, "{on:?} {query}: {log}");
        assert!(log.contains(says), "{on:?} {query}: {log}");
        let tables = "FROM information_schema.tables WHERE table_schema = DATABASE()";
        assert_eq!(world.database.count(tables), 0, "{on:?} {query}: nothing was sent");
    }
}

#[track_caller]
fn assert_column(world: &World, on: On, certificates: &Certificates) {
    for Row { mode, names_authority, on: expected } in ROWS {
        let mut parameters = Vec::new();
        if !mode.is_empty() {
            parameters.push(format!("ssl_mode={mode}"));
        }
        if names_authority {
            parameters.push(format!("ssl_ca={}", certificates.authority.path()));
        }
        assert_connects(world, &parameters.join("&"), on, expected[on as usize]);
    }
}

#[test]
fn a_server_with_tls_gives_what_is_asked_for() {
    let certificates = Certificates::of("127.0.0.1");
    let mariadb = server_with(&certificates, &[]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    assert_column(&world, On::Tls, &certificates);
    assert_column(&world, On::OtherAuthority, &Certificates::of("127.0.0.1"));
}

#[test]
fn a_certificate_for_another_name_passes_where_the_name_is_not_checked() {
    let certificates = Certificates::of("database.example");
    let mariadb = server_with(&certificates, &[]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    assert_column(&world, On::OtherName, &certificates);
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_asked_for() {
    let mariadb = Mariadb::start(&["--skip-ssl"]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    assert_column(&world, On::NoTls, &Certificates::of("127.0.0.1"));
}

#[test]
fn a_server_that_demands_tls_gets_it_or_is_told_from_a_wrong_password() {
    let certificates = Certificates::of("127.0.0.1");
    let mut mariadb = server_with(&certificates, &[]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    mariadb.shut_down();
    let mut options = certificates.options().to_vec();
    options.push("--require-secure-transport=ON".to_owned());
    mariadb.set_options(&options.iter().map(String::as_str).collect::<Vec<_>>());
    mariadb.start_again_without_asking();
    assert_column(&world, On::Demanding, &certificates);
}

#[test]
fn a_variable_with_which_no_certificate_is_checked_is_refused_where_one_is_to_be() {
    let world = World::new();
    let url = format!("{}?ssl_ca=/etc/ssl/ca.pem", world.database.url());
    for value in ["1", ""] {
        let variables =
            [("DATABASE_URL", url.as_str()), ("MARIADB_TLS_DISABLE_PEER_VERIFICATION", value)];
        let (status, log) = Server::spawn(&["migrate"], &world.variables(), &variables).wait();
        assert_eq!(status.code(), Some(1), "{value}: {log}");
        assert_eq!(log.lines().count(), 1, "{value}: {log}");
        assert!(log.contains("MARIADB_TLS_DISABLE_PEER_VERIFICATION is set"), "{value}: {log}");
    }
    let variables = [("MARIADB_TLS_DISABLE_PEER_VERIFICATION", "1")];
    let (status, log) = Server::spawn(&["migrate"], &world.variables(), &variables).wait();
    assert!(status.success(), "{log}");
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
