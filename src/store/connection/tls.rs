//! Whether connections are encrypted as `DATABASE_URL` asks.
//!
//! That depends on the client library. MySQL's own does what each mode says. MariaDB's Connector/C
//! knows no modes: it encrypts where an authority, a certificate or a key is named and the server
//! offers it, checks the chain against the authority, never the name, and goes on in the clear where
//! the server, or somebody in the way, says that there is no TLS. So what was asked for is compared
//! with what came about before anything but the session's settings is sent; modes of which that would
//! be no proof are refused.

use std::net::IpAddr;

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;
use mysqlclient_sys::SUPPORTS_MYSQL_SSL_MODE;
use url::Url;

use super::classify::{Trouble, classify};
use crate::config::{DatabaseConfig, SslMode};
use crate::values::Secret;

const NOT_VERIFIED: &str = "the client library of this wxauth is MariaDB's Connector/C, which cannot \
     prove whom it speaks to: build wxauth with --features bundled, or reach the database through a \
     tunnel, or, where nobody can be in the way, take ssl_mode=required with ssl_ca";
const NOT_ENCRYPTED: &str = "the connection to the database is not encrypted, as DATABASE_URL asks: \
     turn TLS on at the server, and name the authority of its certificate in ssl_ca (without it \
     MariaDB's client library does not encrypt); or set ssl_mode=disabled";

const MYSQL_PORT: u16 = 3306;

/// Where the database is, and what the way to it must be.
#[derive(Clone)]
pub struct Target {
    /// As the client library understands it.
    pub url: Secret,
    /// Host and port; `None` is a socket in the file system.
    pub address: Option<(String, u16)>,
    is_to_be_encrypted: bool,
    is_refused: bool,
    is_chain_checked: bool,
    is_name_checked: bool,
}

/// How a connection is protected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encryption {
    /// `None` is in the clear.
    pub cipher: Option<String>,
    /// It does not leave this machine.
    pub is_local: bool,
    /// By an authority that is named.
    pub is_chain_checked: bool,
    pub is_name_checked: bool,
}

#[derive(QueryableByName)]
struct Status {
    #[diesel(sql_type = Text, column_name = Value)]
    value: String,
}

impl Target {
    pub fn of(config: &DatabaseConfig) -> Self {
        let url = config.url.expose();
        // `ssl_ca` alone is meant as in MySQL's programs.
        let names_authority = url.query_pairs().any(|(name, _)| name == "ssl_ca");
        let implied = names_authority.then_some(SslMode::VerifyCa);
        let mode = config.ssl_mode.or(implied);
        let address = tcp_address(url);
        Self {
            url: for_client(url, mode),
            is_to_be_encrypted: mode >= Some(SslMode::Required) && address.is_some(),
            is_refused: config.ssl_mode >= Some(SslMode::VerifyCa) && !SUPPORTS_MYSQL_SSL_MODE,
            // Both libraries check it against an authority that is named, whatever the mode.
            is_chain_checked: names_authority && mode != Some(SslMode::Disabled),
            is_name_checked: SUPPORTS_MYSQL_SSL_MODE && mode == Some(SslMode::VerifyIdentity),
            address,
        }
    }

    /// What can be said before anything is sent.
    pub fn check(&self) -> Result<(), Trouble> {
        match self.is_refused {
            true => Err(Trouble::Misconfigured(NOT_VERIFIED.to_owned())),
            false => Ok(()),
        }
    }

    /// What the connection itself shows.
    pub fn check_connected(&self, connection: &mut MysqlConnection) -> Result<(), Trouble> {
        if !self.is_to_be_encrypted {
            return Ok(());
        }
        match cipher(connection).map_err(|error| classify(&error))? {
            Some(_) => Ok(()),
            None => Err(Trouble::Misconfigured(NOT_ENCRYPTED.to_owned())),
        }
    }

    pub fn encryption(&self, connection: &mut MysqlConnection) -> QueryResult<Encryption> {
        Ok(Encryption {
            cipher: cipher(connection)?,
            is_local: self.address.as_ref().is_none_or(|(host, _)| is_loopback(host)),
            is_chain_checked: self.is_chain_checked,
            is_name_checked: self.is_name_checked,
        })
    }
}

/// By the server's word.
fn cipher(connection: &mut MysqlConnection) -> QueryResult<Option<String>> {
    let status: Option<Status> = diesel::sql_query("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        .get_result(connection)
        .optional()?;
    Ok(status.map(|status| status.value).filter(|cipher| !cipher.is_empty()))
}

/// Connector/C would take a mode for the name of a file.
fn for_client(url: &Url, mode: Option<SslMode>) -> Secret {
    let is_disabled = mode == Some(SslMode::Disabled);
    let mut kept: Vec<(String, String)> = url
        .query_pairs()
        .into_owned()
        .filter(|(name, _)| !(name == "ssl_mode" || is_disabled && name.starts_with("ssl_")))
        .collect();
    if let Some(mode) = mode.filter(|_| SUPPORTS_MYSQL_SSL_MODE) {
        kept.push(("ssl_mode".to_owned(), word(mode).to_owned()));
    }
    let mut url = url.clone();
    url.set_query(None);
    if !kept.is_empty() {
        url.query_pairs_mut().extend_pairs(kept);
    }
    Secret::new(String::from(url))
}

fn word(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disabled => "disabled",
        SslMode::Preferred => "preferred",
        SslMode::Required => "required",
        SslMode::VerifyCa => "verify_ca",
        SslMode::VerifyIdentity => "verify_identity",
    }
}

/// None is a socket in the file system, which the client takes `localhost` for, and no other host.
fn tcp_address(url: &Url) -> Option<(String, u16)> {
    let host = url.host_str().filter(|host| *host != "localhost")?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some((host.to_owned(), url.port().unwrap_or(MYSQL_PORT)))
}

fn is_loopback(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
