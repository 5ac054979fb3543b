//! What is set and yet does nothing: a name that is nearly one of ours, a `$` that names nothing.

use std::collections::HashSet;

use super::variables::names;

/// Every variable that is read.
pub const VARIABLES: [&str; 24] = [
    "BIND",
    "DATABASE_POOL_SIZE",
    "DATABASE_URL",
    "DATABASE_URL_FILE",
    "DRAIN_SECONDS",
    "FAILED_PHONES_PER_MINUTE",
    "LOGIN_GRACE_MS",
    "LOG_FORMAT",
    "METRICS_BIND",
    "PHONE_DATA_MAX_AGE_SECONDS",
    "PURGE_INTERVAL_SECONDS",
    "REFUSED_CODES_PER_MINUTE",
    "RESPONSE_SHAPE",
    "RUST_LOG",
    "SESSION_KEY_SECRETS",
    "SESSION_KEY_SECRETS_FILE",
    "SESSION_TTL_SECONDS",
    "TRUSTED_PROXIES",
    "WORKERS",
    "WX_API_BASE",
    "WX_APPID",
    "WX_SECRET",
    "WX_SECRET_FILE",
    "WX_TIMEOUT_MS",
];
/// In a name of so many letters two may be wrong; a shorter one would be somebody else's.
const LONG_NAME: usize = 10;
/// Stands for a `$` that is to be left as it is; no configuration has it.
const MARK: char = '\u{e000}';

/// Names in the environment that are no variable's, and nearly one's.
pub(super) fn misspelt() -> Vec<String> {
    let mut names = names();
    names.sort();
    names.iter().filter_map(|name| nearly(name).map(|meant| told(name, meant))).collect()
}

fn told(name: &str, meant: &str) -> String {
    format!("{name} is set and means nothing here; {meant} would")
}

fn nearly(name: &str) -> Option<&'static str> {
    if VARIABLES.contains(&name) {
        return None;
    }
    let upper = name.to_uppercase();
    let distance = |variable: &&str| strsim::osa_distance(&upper, variable);
    let nearest = VARIABLES.into_iter().min_by_key(distance)?;
    let allowed = if nearest.len() < LONG_NAME { 1 } else { 2 };
    (distance(&nearest) <= allowed).then_some(nearest)
}

/// The variables in this `.env` whose values lose a `$`, as what follows it names nothing.
pub(super) fn lost_dollars(text: &str) -> Vec<String> {
    let escaped = text.replace("\\$", "\\\u{0}");
    let unread = escaped.replace('$', &MARK.to_string()).replace('\u{0}', "$");
    let (Some(read), Some(unread)) = (parse(text), parse(&unread)) else { return Vec::new() };
    let keys: HashSet<&str> = read.iter().map(|(key, _)| key.as_str()).collect();
    let mut earlier = HashSet::new();
    let environment: HashSet<String> = names().into_iter().collect();
    let mut lost = Vec::new();
    for ((key, value), (_, unread)) in read.iter().zip(&unread) {
        let is_known = |name: &str| {
            earlier.contains(name) || (environment.contains(name) && !keys.contains(name))
        };
        // Between single quotes it is a character like any other.
        let is_quoted = unread.replace(MARK, "$") == *value;
        if !is_quoted && unread.split(MARK).skip(1).any(|rest| !is_known(named_by(rest))) {
            lost.push(format!(
                ".env: the value of {key} loses a $ that names no variable; put the value between \
                 single quotes"
            ));
        }
        earlier.insert(key.as_str());
    }
    lost
}

fn parse(text: &str) -> Option<Vec<(String, String)>> {
    dotenvy::Iter::new(text.as_bytes()).collect::<Result<_, _>>().ok()
}

/// What a `$` before this names: letters and digits, or what stands in braces.
fn named_by(rest: &str) -> &str {
    let in_braces = rest.strip_prefix('{').and_then(|rest| rest.split_once('}'));
    let name = in_braces.map(|(name, _)| name);
    name.unwrap_or_else(|| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_ours_is_noticed_and_somebody_elses_is_not() {
        for (name, meant) in [
            ("WX_APP_ID", "WX_APPID"),
            ("WX_SECRETS", "WX_SECRET"),
            ("wx_secret", "WX_SECRET"),
            ("WX_SECERT", "WX_SECRET"),
            ("SESION_TTL_SECOND", "SESSION_TTL_SECONDS"),
            ("TRUSTED_PROXYS", "TRUSTED_PROXIES"),
            ("WORKER", "WORKERS"),
            ("BIND_", "BIND"),
            ("DATABASE_URL_FILES", "DATABASE_URL_FILE"),
        ] {
            assert_eq!(nearly(name), Some(meant), "{name}");
        }
        for name in ["PATH", "HOME", "HOSTNAME", "RUST_BACKTRACE", "WX_TOKEN", "LISTEN_FDS", ""] {
            assert_eq!(nearly(name), None, "{name}");
        }
        for name in VARIABLES {
            assert_eq!(nearly(name), None, "{name}");
        }
    }

    #[test]
    fn a_dollar_that_is_lost_is_noticed_and_one_that_stays_is_not() {
        for line in [
            "A=a$b",
            "A=a$",
            "A=$$",
            "A=\"a$b c\"",
            "A=${NO_SUCH_NAME}",
            "export A=x$NOSUCHNAME",
            "A=$LATER\nLATER=1",
            "B=1\nA=$B$b",
        ] {
            let lost = lost_dollars(line);
            assert_eq!(lost.len(), 1, "{line}: {lost:?}");
            assert!(lost.concat().contains("value of A "), "{line}: {lost:?}");
        }
        for line in [
            "A='a$b'",
            "A=a\\$b",
            "# A=$b",
            "A=1 # $b",
            "B=1\nA=$B",
            "B=1\nA=x${B}y",
            "A=$PATH",
            "A=1",
            "",
        ] {
            assert_eq!(lost_dollars(line), Vec::<String>::new(), "{line}");
        }
    }
}
