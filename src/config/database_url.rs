//! `DATABASE_URL`: what it may say, in the form in which diesel reads it.

use std::fmt;
use std::fs::File;

use url::Url;

use super::error::{ConfigError, Result};
use super::variables::{is_there, must, secret};

const NAME: &str = "DATABASE_URL";
const MUST_BE: &str = "mysql://user:password@host:3306/name, with what is special in user and \
                       password percent-encoded (# is %23, / is %2F, ? is %3F, @ is %40)";
const SSL_MODES: &str = "disabled, preferred, required, verify_ca or verify_identity";
/// What diesel reads; it passes over all others without a word.
const PARAMETERS: [&str; 5] = ["ssl_mode", "ssl_ca", "ssl_cert", "ssl_key", "unix_socket"];
/// Of these, the ones that name a file.
const FILES: [&str; 3] = ["ssl_ca", "ssl_cert", "ssl_key"];
/// With it Connector/C 3.4 takes every certificate, whatever it is told; Debian's does not read it.
const UNVERIFIED: &str = "MARIADB_TLS_DISABLE_PEER_VERIFICATION";

/// How the way to the database is to be protected, weakest first, in MySQL's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disabled,
    /// Encrypted if that can be had.
    Preferred,
    Required,
    /// The certificate is signed by an authority in `ssl_ca`.
    VerifyCa,
    /// And it is the host's.
    VerifyIdentity,
}

/// Where the database is: `mysql://user:password@host:3306/name`, as diesel reads it. Its `Debug` shows
/// nothing.
#[derive(Clone)]
pub struct DatabaseUrl(Url);

impl DatabaseUrl {
    /// The URL itself, with the password, for the one place that connects.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

pub(super) fn read() -> Result<(DatabaseUrl, Option<SslMode>)> {
    let text = secret(NAME, MUST_BE)?;
    let mut url = parse(text.expose()).ok_or_else(|| must(NAME, MUST_BE))?;
    check_parameters(&url)?;
    let ssl_mode = ssl_mode(&url)?;
    if names(&url, "ssl_ca") && ssl_mode != Some(SslMode::Disabled) && is_there(UNVERIFIED) {
        return Err(ConfigError::new(format!(
            "{UNVERIFIED} is set, with which MariaDB's client library checks no certificate, and \
             {NAME} names an authority in ssl_ca; unset the one or leave out the other"
        )));
    }
    check_files(&url)?;
    let is_localhost = url.host_str().is_some_and(|host| host.eq_ignore_ascii_case("localhost"));
    let names_socket = names(&url, "unix_socket");
    if names_socket && !is_localhost {
        // The client would go there by TCP, and pass over the socket without a word.
        return Err(ConfigError::new(format!(
            "{NAME} names a unix_socket, and a host that is not localhost; it must be one of the two"
        )));
    }
    if is_localhost {
        // The client takes localhost, in these letters, for the socket, whatever the port.
        let is_tcp = url.port().is_some() && !names_socket;
        let host = if is_tcp { "127.0.0.1" } else { "localhost" };
        url.set_host(Some(host)).map_err(|_| must(NAME, MUST_BE))?;
    }
    Ok((DatabaseUrl(url), ssl_mode))
}

/// A special character that was not encoded ends up in another part of the URL.
fn parse(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_mysql = url.scheme() == "mysql" && url.has_host() && url.fragment().is_none();
    let name = url.path().strip_prefix('/')?;
    // An account that stands behind the name of the database is what such a character cut off.
    let has_account_behind = url.query().is_some_and(|query| query.contains('@'));
    let names_one = !name.is_empty() && !name.contains(['/', '@']) && !has_account_behind;
    (is_mysql && names_one).then_some(url)
}

fn check_parameters(url: &Url) -> Result<()> {
    for (name, _) in url.query_pairs() {
        if PARAMETERS.contains(&name.as_ref()) {
            continue;
        }
        // What is no name may be a piece of a password.
        if !name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-')) {
            return Err(must(NAME, MUST_BE));
        }
        let lower = name.to_lowercase();
        if lower.contains("ssl") || lower.contains("tls") {
            let known = PARAMETERS.join(", ");
            return Err(ConfigError::new(format!(
                "{NAME} has a parameter {name}, which means nothing here; there are {known}"
            )));
        }
        log::warn!("{NAME} has a parameter {name}, which means nothing here");
    }
    Ok(())
}

/// The client's own words for one that is missing name none.
fn check_files(url: &Url) -> Result<()> {
    for (name, path) in url.query_pairs().filter(|(name, _)| FILES.contains(&name.as_ref())) {
        if let Err(error) = File::open(path.as_ref()) {
            let cause = error.kind();
            return Err(ConfigError::new(format!(
                "{name} in {NAME} names a file that cannot be read ({cause})"
            ))
            .showing(&path));
        }
    }
    Ok(())
}

fn ssl_mode(url: &Url) -> Result<Option<SslMode>> {
    let mut modes = url.query_pairs().filter(|(name, _)| name == "ssl_mode");
    let Some((_, mode)) = modes.next() else { return Ok(None) };
    let mode = match mode.to_lowercase().as_str() {
        "disabled" => SslMode::Disabled,
        "preferred" => SslMode::Preferred,
        "required" => SslMode::Required,
        "verify_ca" => SslMode::VerifyCa,
        "verify_identity" => SslMode::VerifyIdentity,
        _ => return Err(must(&format!("ssl_mode in {NAME}"), SSL_MODES)),
    };
    match modes.next() {
        None => Ok(Some(mode)),
        Some(_) => Err(ConfigError::new(format!("{NAME} has ssl_mode twice; it must have one"))),
    }
}

fn names(url: &Url, parameter: &str) -> bool {
    url.query_pairs().any(|(name, _)| name == parameter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_character_that_is_not_encoded_is_noticed() {
        for password in ["a#b", "a/b", "a?b", "1#b", "1/b", "1?b", "1/b?c", "#", "/", "?"] {
            let url = format!("mysql://user:{password}@host:3306/name");
            assert!(parse(&url).is_none(), "{url}");
        }
        for password in ["a%23b", "a%2Fb", "a%3Fb", "a@b", "a%40b", "a:b", "a&b=c", "密码"] {
            let url = format!("mysql://user:{password}@host:3306/name");
            assert!(parse(&url).is_some(), "{url}");
        }
    }

    #[test]
    fn a_host_a_port_and_one_database_are_needed() {
        for (url, is_one) in [
            ("mysql://user@host/name", true),
            ("mysql://user@[::1]:3306/name", true),
            ("mysql://user:x@localhost/name?unix_socket=/run/mysqld/mysqld.sock", true),
            ("mysql://user@host:port/name", false),
            ("mysql://user@host:99999/name", false),
            ("mysql://user@host", false),
            ("mysql://user@host/", false),
            ("mysql://user@host/name/more", false),
            ("mysql:name", false),
            ("mariadb://user@host/name", false),
        ] {
            assert_eq!(parse(url).is_some(), is_one, "{url}");
        }
    }

    #[test]
    fn parameters_that_would_be_passed_over_are_not_when_they_are_about_encryption() {
        for (parameter, is_fine) in [
            ("ssl_mode=required", true),
            ("charset=utf8mb4", true),
            ("sslmode=required", false),
            ("ssl-mode=required", false),
            ("useSSL=true", false),
            ("tls=true", false),
            ("SSL_MODE=required", false),
            ("require_secure_transport_tls=1", false),
            ("pass%40word=1", false),
        ] {
            let url = parse(&format!("mysql://user@host/name?{parameter}"))
                .map(|url| check_parameters(&url));
            assert_eq!(url.is_some_and(|checked| checked.is_ok()), is_fine, "{parameter}");
        }
    }

    #[test]
    fn ssl_modes_are_read_in_any_case_and_unknown_ones_refused() {
        let mode = |query: &str| {
            parse(&format!("mysql://user@host/name{query}")).and_then(|url| ssl_mode(&url).ok())
        };
        assert_eq!(mode(""), Some(None));
        assert_eq!(mode("?ssl_mode=REQUIRED"), Some(Some(SslMode::Required)));
        assert_eq!(mode("?ssl_mode=verify_identity"), Some(Some(SslMode::VerifyIdentity)));
        for wrong in [
            "?ssl_mode=",
            "?ssl_mode=verify-ca",
            "?ssl_mode=on",
            "?ssl_mode=required&ssl_mode=disabled",
        ] {
            assert_eq!(mode(wrong), None, "{wrong}");
        }
    }
}
