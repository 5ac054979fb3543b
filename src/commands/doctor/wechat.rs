//! The checks of WeChat: whether it is there, whether it accepts us, and its clock.

use super::finding::{Finding, clock};
use crate::config::WeChatConfig;
use crate::wechat::{Credentials, ExchangeError, probe};

const TRANSPORT: &str = "wechat_transport";
const CONNECTION: &str = "wechat_connection";
const CREDENTIALS: &str = "wechat_credentials";
const CLOCK: &str = "wechat_clock";

pub fn check(config: &WeChatConfig) -> Vec<Finding> {
    let mut findings = vec![transport(config)];
    match actix_rt::System::new().block_on(probe(config)) {
        Ok(probe) => findings.extend([
            Finding::ok(CONNECTION, "WeChat answers"),
            credentials(probe.credentials),
            match probe.clock_ahead_seconds {
                Some(ahead) => clock(CLOCK, "WeChat's", ahead),
                None => Finding::skipped(CLOCK, "WeChat's answer names no time"),
            },
        ]),
        Err(error) => {
            findings.push(connection(&error));
            let reason = "WeChat gave no answer that can be read";
            findings.extend([CREDENTIALS, CLOCK].map(|check| Finding::skipped(check, reason)));
        }
    }
    findings
}

pub fn skipped(reason: &str) -> Vec<Finding> {
    [TRANSPORT, CONNECTION, CREDENTIALS, CLOCK].map(|check| Finding::skipped(check, reason)).into()
}

fn transport(config: &WeChatConfig) -> Finding {
    if config.api_base.starts_with("https://") {
        return Finding::ok(TRANSPORT, "WeChat is asked over https");
    }
    Finding::warning(
        TRANSPORT,
        "WeChat is asked over plain http, so that the app secret can be read on the way",
        "use https in WX_API_BASE unless it is a sandbox or a proxy on this machine",
    )
}

fn connection(error: &ExchangeError) -> Finding {
    let advice = match error {
        ExchangeError::Timeout => {
            "check that this machine may connect to WX_API_BASE, or raise WX_TIMEOUT_MS"
        }
        _ => "check WX_API_BASE, DNS, and that a firewall or proxy lets this machine through",
    };
    Finding::failed(CONNECTION, format!("WeChat cannot be reached: {error}"), advice)
}

fn credentials(credentials: Credentials) -> Finding {
    let failed = |found: &str, advice| Finding::failed(CREDENTIALS, found, advice);
    match credentials {
        Credentials::Accepted => Finding::ok(
            CREDENTIALS,
            "WeChat accepts appid and secret: it refused only the made-up code",
        ),
        Credentials::Refused(40013) => failed(
            "WeChat knows no mini-program of this appid (errcode 40013)",
            "correct WX_APPID by the mini-program's console",
        ),
        Credentials::Refused(40125) => failed(
            "the secret is not this appid's (errcode 40125)",
            "correct WX_SECRET; if it was reset in the mini-program's console, take the new one",
        ),
        Credentials::Refused(errcode) => failed(
            &format!("WeChat did not understand the request (errcode {errcode})"),
            "check WX_API_BASE: something on the way drops parameters",
        ),
        Credentials::Unclear(errcode) => Finding::warning(
            CREDENTIALS,
            format!("WeChat did not say whether it accepts appid and secret (errcode {errcode})"),
            "run this again in a minute, and look the errcode up in WeChat's documentation",
        ),
    }
}
