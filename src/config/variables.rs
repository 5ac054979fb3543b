//! One variable of the environment as a value of its type, or an error that says what it must be.

use std::env;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use ipnet::IpNet;
use zeroize::Zeroizing;

use super::error::{ConfigError, Result};
use crate::values::Secret;

pub(super) fn optional_address(name: &str) -> Result<Option<SocketAddr>> {
    variable(name)?.map(|text| address(name, &text)).transpose()
}

pub(super) fn address(name: &str, text: &str) -> Result<SocketAddr> {
    let must_be = "an address and a port, such as 127.0.0.1:8080";
    text.parse().map_err(|_| must(name, must_be).showing(text))
}

pub(super) fn seconds(name: &str, default: u64, range: RangeInclusive<u64>) -> Result<Duration> {
    number(name, default, range).map(Duration::from_secs)
}

pub(super) fn milliseconds(
    name: &str,
    default: u64,
    range: RangeInclusive<u64>,
) -> Result<Duration> {
    number(name, default, range).map(Duration::from_millis)
}

pub(super) fn number(name: &str, default: u64, range: RangeInclusive<u64>) -> Result<u64> {
    let Some(text) = variable(name)? else {
        return Ok(default);
    };
    text.parse().ok().filter(|value| range.contains(value)).ok_or_else(|| {
        let (least, most) = range.into_inner();
        must(name, &format!("a whole number from {least} to {most}")).showing(&text)
    })
}

/// Networks and single addresses, separated by commas; none where the variable is not set.
pub(super) fn networks(name: &str) -> Result<Vec<IpNet>> {
    let text = variable(name)?.unwrap_or_default();
    let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    let parse = |entry: &str| {
        let network = entry.parse().or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
        network.map_err(|_| must(name, "networks such as 10.0.0.0/8,fd00::/8").showing(&text))
    };
    entries.map(parse).collect()
}

/// A file that holds a secret, as the variable of this name says.
#[derive(Debug, Clone)]
pub struct SecretFile {
    variable: String,
    path: String,
}

impl SecretFile {
    /// What it holds now, without the space around it.
    pub fn read(&self) -> Result<Secret> {
        let wrong = |what: &str| {
            ConfigError::new(format!("{} names a file that {what}", self.variable))
                .showing(&self.path)
        };
        let text = fs::read_to_string(&self.path)
            .map(Zeroizing::new)
            .map_err(|error| wrong(&format!("cannot be read ({})", error.kind())))?;
        match text.trim() {
            "" => Err(wrong("is empty")),
            text => Ok(Secret::new(text)),
        }
    }
}

/// The file that the variable names, if it is set.
pub(super) fn named_file(file_variable: &str) -> Result<Option<SecretFile>> {
    let path = variable(file_variable)?;
    Ok(path.map(|path| SecretFile { variable: file_variable.to_owned(), path }))
}

/// A secret from the variable itself, or from the file that `{name}_FILE` names.
pub(super) fn secret(name: &str, must_be: &str) -> Result<Secret> {
    optional_secret(name)?.ok_or_else(|| {
        ConfigError::new(format!(
            "{name} is not set; it must be {must_be} (or {name}_FILE must name a file that holds it)"
        ))
    })
}

/// The same where it need not be set.
pub(super) fn optional_secret(name: &str) -> Result<Option<Secret>> {
    let file_variable = format!("{name}_FILE");
    match (variable(name)?, named_file(&file_variable)?) {
        (Some(text), None) => Ok(Some(Secret::new(text))),
        (None, Some(file)) => file.read().map(Some),
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(ConfigError::new(format!(
            "{name} and {file_variable} are both set; set one of them"
        ))),
    }
}

/// Whether it is there, be it empty, as others may read it.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(super) fn is_there(name: &str) -> bool {
    env::var_os(name).is_some()
}

/// The names of all that are set.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(super) fn names() -> Vec<String> {
    env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
}

/// The variable's value; an empty one counts as not set.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub(super) fn variable(name: &str) -> Result<Option<String>> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => Err(must(name, "UTF-8 text")),
    }
}

pub(super) fn must(name: &str, be: &str) -> ConfigError {
    ConfigError::new(format!("{name} must be {be}"))
}
