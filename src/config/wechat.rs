//! WeChat's variables: credentials, hosts, and the budget of an exchange.

use std::fmt;
use std::time::Duration;

use super::error::{Problems, Result, first_problem};
use super::variables::{SecretFile, milliseconds, must, named_file, secret, variable};
use crate::values::Secret;

/// WeChat's general address, and the one that it names for the case that the first one fails.
const DEFAULT_HOSTS: &str = "https://api.weixin.qq.com,https://api2.weixin.qq.com";
/// What SIGTERM leaves to requests that are under way: a longer exchange would not see its end.
const MAX_TIMEOUT_MS: u64 = 20_000;
const PRINTABLE: &str = "printable ASCII characters without spaces around them";
/// Where other programs look for a proxy. `WX_API_BASE` is where ours do.
const PROXY_VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

#[derive(Debug, Clone)]
pub struct WeChatConfig {
    pub appid: String,
    pub secret: Secret,
    /// Where the secret came from, if that was a file.
    pub secret_file: Option<SecretFile>,
    /// In order of preference, and never empty.
    pub hosts: Vec<ApiHost>,
    /// Budget for one exchange, retries included.
    pub timeout: Duration,
}

/// One of the places where WeChat's API is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiHost {
    pub is_https: bool,
    /// A name, or an address without the brackets that URLs put around those of IPv6.
    pub name: String,
    pub port: u16,
    /// Empty, or a path without a slash at its end.
    pub path: String,
}

impl WeChatConfig {
    pub fn load() -> Result<Self> {
        first_problem(Self::read)
    }

    pub(super) fn read(problems: &mut Problems) -> Option<Self> {
        let appid = problems.note(appid());
        let secret = problems.note(secret("WX_SECRET", PRINTABLE).and_then(app_secret));
        let secret_file = problems.note(named_file("WX_SECRET_FILE"));
        let hosts = problems.note(hosts());
        let timeout = problems.note(milliseconds("WX_TIMEOUT_MS", 5_000, 1..=MAX_TIMEOUT_MS));
        Some(Self {
            appid: appid?,
            secret: secret?,
            secret_file: secret_file?,
            hosts: hosts?,
            timeout: timeout?,
        })
    }

    /// The secret as the file holds it now; `None` where it came from the environment, which does
    /// not change.
    pub fn read_secret_again(&self) -> Result<Option<Secret>> {
        self.secret_file.as_ref().map(|file| file.read().and_then(app_secret)).transpose()
    }
}

/// The variable that names a proxy which is not used, if there is one.
pub fn ignored_proxy() -> Option<&'static str> {
    PROXY_VARIABLES.into_iter().find(|name| matches!(variable(name), Ok(Some(_))))
}

fn appid() -> Result<String> {
    let appid = variable("WX_APPID")?.filter(|appid| is_printable(appid));
    appid.ok_or_else(|| must("WX_APPID", PRINTABLE))
}

fn app_secret(secret: Secret) -> Result<Secret> {
    if is_printable(secret.expose()) { Ok(secret) } else { Err(must("WX_SECRET", PRINTABLE)) }
}

fn is_printable(text: &str) -> bool {
    text.trim() == text && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
}

fn hosts() -> Result<Vec<ApiHost>> {
    let bases = variable("WX_API_BASE")?.unwrap_or_else(|| DEFAULT_HOSTS.to_owned());
    let mut hosts: Vec<ApiHost> = Vec::new();
    for base in bases.split(',').map(str::trim).filter(|base| !base.is_empty()) {
        let must_be = "http:// or https:// URLs without user and query, separated by commas";
        let host = ApiHost::parse(base).ok_or_else(|| must("WX_API_BASE", must_be))?;
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    if hosts.is_empty() { Err(must("WX_API_BASE", "at least one URL")) } else { Ok(hosts) }
}

impl ApiHost {
    /// Scheme and name in any case, a port or none, a path or none, slashes at its end or none.
    fn parse(base: &str) -> Option<Self> {
        let uri: awc::http::Uri = base.parse().ok()?;
        let is_https = match uri.scheme_str()?.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let has_more = uri.query().is_some() || base.contains(['#', '@']);
        let name = uri.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
        if has_more || name.is_empty() {
            return None;
        }
        // By the text, as a port that is no number would be taken for none.
        let port = match uri.authority()?.as_str().strip_prefix(uri.host()?)?.strip_prefix(':') {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None if is_https => 443,
            None => 80,
        };
        let path = uri.path().trim_end_matches('/').to_owned();
        Some(Self { is_https, name, port, path })
    }

    /// `name:port`, with brackets around an address of IPv6.
    pub fn authority(&self) -> String {
        let Self { name, port, .. } = self;
        if name.contains(':') { format!("[{name}]:{port}") } else { format!("{name}:{port}") }
    }
}

impl fmt::Display for ApiHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https { "https" } else { "http" };
        let authority = self.authority();
        let usual_port = if self.is_https { ":443" } else { ":80" };
        let authority = authority.strip_suffix(usual_port).unwrap_or(&authority);
        write!(f, "{scheme}://{authority}{}", self.path)
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_understood_in_every_form_that_people_write() {
        for (base, shown, authority) in [
            ("https://api.weixin.qq.com", "https://api.weixin.qq.com", "api.weixin.qq.com:443"),
            ("HTTPS://API.weixin.qq.com/", "https://api.weixin.qq.com", "api.weixin.qq.com:443"),
            ("https://h:443//", "https://h", "h:443"),
            ("https://h:80/", "https://h:80", "h:80"),
            ("http://h:8443/wechat/v1/", "http://h:8443/wechat/v1", "h:8443"),
            ("http://[::1]:8081", "http://[::1]:8081", "[::1]:8081"),
            ("http://127.0.0.2", "http://127.0.0.2", "127.0.0.2:80"),
        ] {
            let host = ApiHost::parse(base).unwrap_or_else(|| panic!("{base}"));
            assert_eq!((host.to_string().as_str(), host.authority().as_str()), (shown, authority));
        }
        for base in [
            "h",
            "ftp://h",
            "https://",
            "https://h?x",
            "https://h#x",
            "https://u:p@h",
            "https://h:port",
            "https://h:0",
            "https://h:99999",
            "https:///x",
            "//h",
            "/x",
        ] {
            assert_eq!(ApiHost::parse(base), None, "{base}");
        }
    }
}
