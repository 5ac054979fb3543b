//! The checks of WeChat: whether it is there, whether it accepts us, and its clock.

use super::finding::{Finding, clock};
use crate::config::{WeChatConfig, ignored_proxy};
use crate::wechat::{Credentials, ExchangeError, Probe, probe};

const TRANSPORT: &str = "wechat_transport";
const CONNECTION: &str = "wechat_connection";
const CREDENTIALS: &str = "wechat_credentials";
const CLOCK: &str = "wechat_clock";

pub fn check(config: &WeChatConfig) -> Vec<Finding> {
    let probes = actix_rt::System::new().block_on(probe(config));
    let mut findings = vec![transport(config), connection(config, &probes)];
    let answer = probes.into_iter().find_map(Result::ok);
    findings.extend(match answer {
        Some(probe) => [
            credentials(&probe.credentials),
            match probe.clock_ahead_seconds {
                Some(ahead) => clock(CLOCK, "WeChat's", ahead),
                None => Finding::skipped(CLOCK, "WeChat's answer names no time"),
            },
        ],
        None => {
            let reason = "WeChat gave no answer that can be read";
            [CREDENTIALS, CLOCK].map(|check| Finding::skipped(check, reason))
        }
    });
    findings
}

pub fn skipped(reason: &str) -> Vec<Finding> {
    [TRANSPORT, CONNECTION, CREDENTIALS, CLOCK].map(|check| Finding::skipped(check, reason)).into()
}

fn transport(config: &WeChatConfig) -> Finding {
    if config.hosts.iter().all(|host| host.is_https) {
        return Finding::ok(TRANSPORT, "WeChat is asked over https");
    }
    Finding::warning(
        TRANSPORT,
        "WeChat is asked over plain http, so that the app secret can be read on the way",
        "use https in WX_API_BASE unless it is a sandbox or a proxy on this machine",
    )
}

/// Logins need one host; the others are there for the case that it fails.
fn connection(config: &WeChatConfig, probes: &[Result<Probe, ExchangeError>]) -> Finding {
    let failures: Vec<_> = config
        .hosts
        .iter()
        .zip(probes)
        .filter_map(|(host, probe)| Some((host, probe.as_ref().err()?)))
        .collect();
    let told = failures.iter().map(|(host, error)| match error {
        ExchangeError::Unusable(_) => format!("{host} does not answer as WeChat does: {error}"),
        _ => format!("{host} cannot be reached: {error}"),
    });
    let found = told.collect::<Vec<_>>().join("; ");
    match failures.as_slice() {
        [] => Finding::ok(CONNECTION, "WeChat answers"),
        [(_, error), ..] if failures.len() == probes.len() => {
            Finding::failed(CONNECTION, found, &way_out(error))
        }
        [(_, error), ..] => {
            let found = format!("{found}; logins go by the other hosts");
            Finding::warning(CONNECTION, found, &way_out(error))
        }
    }
}

fn way_out(error: &ExchangeError) -> String {
    let advice = match error {
        ExchangeError::Timeout => {
            "check that this machine may connect to WX_API_BASE, or raise WX_TIMEOUT_MS"
        }
        ExchangeError::Unusable(_) => {
            "check what WX_API_BASE leads to: a proxy, a filter or another server may be in the way"
        }
        _ => "check WX_API_BASE, DNS, and that a firewall lets this machine through",
    };
    let proxy = ignored_proxy().map(|variable| {
        format!("; {variable} is not read: if a proxy is the only way, name one in WX_API_BASE that passes requests on to WeChat")
    });
    format!("{advice}{}", proxy.unwrap_or_default())
}

fn credentials(credentials: &Credentials) -> Finding {
    match credentials {
        Credentials::Accepted => Finding::ok(
            CREDENTIALS,
            "WeChat accepts appid and secret: it refused only the made-up code",
        ),
        Credentials::Refused(refusal) => {
            let advice = refusal.row().map_or("", |row| row.advice);
            Finding::failed(CREDENTIALS, format!("WeChat refuses: {}", refusal.meaning()), advice)
        }
        Credentials::Unclear(refusal) => {
            let advice = match refusal.row().map(|row| row.advice) {
                Some("") => "run this again in a minute",
                Some(advice) => advice,
                None => {
                    "run this again in a minute, and look the errcode up in WeChat's documentation"
                }
            };
            let meaning = refusal.meaning();
            let found =
                format!("WeChat did not say whether it accepts appid and secret: {meaning}");
            Finding::warning(CREDENTIALS, found, advice)
        }
    }
}
