//! Whether WeChat can be reached and accepts appid and secret, asked without a user.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use actix_rt::time::Instant;
use awc::http::header::{HeaderValue, HttpDate};

use super::answer::{Answer, Refusal};
use super::attempt::Attempt;
use super::client::{Fetched, WeChat, query};
use super::errcodes::Class;
use super::exchange::ExchangeError;
use super::upstream::Upstream;
use crate::config::WeChatConfig;

/// WeChat's own codes are 32 letters and digits.
const CODE_LENGTH: usize = 32;

/// What one exchange of a made-up code showed.
#[derive(Debug)]
pub struct Probe {
    pub credentials: Credentials,
    /// Seconds by which WeChat's clock is ahead of ours; `None` if its answer names no time.
    pub clock_ahead_seconds: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    /// WeChat got as far as the code, which is refused of course.
    Accepted,
    /// WeChat refused for a reason that only the operator can cure.
    Refused(Refusal),
    /// WeChat refused before it told.
    Unclear(Refusal),
}

/// Asks each host once, all at the same time, within the configuration's budget. An error is a host
/// that cannot be reached, or something else in its place.
pub async fn probe(config: &WeChatConfig) -> Vec<Result<Probe, ExchangeError>> {
    let wechat = Rc::new(WeChat::new(Arc::new(Upstream::new(config))));
    let asking = (0..config.hosts.len()).map(|place| {
        let wechat = Rc::clone(&wechat);
        actix_rt::spawn(async move { ask(&wechat, place).await })
    });
    let mut probes = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        let lost = |_| Err(ExchangeError::Unusable("the probe broke off".to_owned()));
        probes.push(asked.await.unwrap_or_else(lost));
    }
    probes
}

async fn ask(wechat: &WeChat, place: usize) -> Result<Probe, ExchangeError> {
    let query = query(&wechat.upstream.secret.credentials(), &made_up_code());
    let deadline = Instant::now() + wechat.upstream.budget;
    let asked = SystemTime::now();
    let Fetched { date, body } = wechat.fetch(place, &query, deadline).await.map_err(cause)?;
    let answered = SystemTime::now();
    Ok(Probe {
        credentials: read_credentials(&body)?,
        clock_ahead_seconds: date.and_then(|date| seconds_ahead(&date, asked, answered)),
    })
}

fn cause(attempt: Attempt) -> ExchangeError {
    let nothing = ExchangeError::Unusable("nothing came of it".to_owned());
    attempt.into_result().err().unwrap_or(nothing)
}

fn made_up_code() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(CODE_LENGTH).collect()
}

fn read_credentials(body: &[u8]) -> Result<Credentials, ExchangeError> {
    match Answer::read(body) {
        Answer::Session(_) => Ok(Credentials::Accepted),
        Answer::Unusable(cause) => Err(ExchangeError::Unusable(cause.to_owned())),
        Answer::Refusal(refusal) => Ok(match refusal.class() {
            Class::Code | Class::User => Credentials::Accepted,
            Class::Operator | Class::Quota => Credentials::Refused(refusal),
            Class::Rate | Class::Busy | Class::Unusable => Credentials::Unclear(refusal),
        }),
    }
}

/// The header was written at some moment in between, and has whole seconds.
fn seconds_ahead(date: &HeaderValue, asked: SystemTime, answered: SystemTime) -> Option<i64> {
    let date: HttpDate = date.to_str().ok()?.parse().ok()?;
    let theirs = SystemTime::from(date);
    if theirs > answered {
        let ahead = theirs.duration_since(answered).unwrap_or_default();
        return Some(ahead.as_secs() as i64);
    }
    let theirs_at_most = theirs + Duration::from_secs(1);
    let behind = asked.duration_since(theirs_at_most).unwrap_or_default();
    Some(-(behind.as_secs() as i64))
}

#[cfg(test)]
#[expect(clippy::expect_used, reason = "a test that cannot go on panics")]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_code_tells_good_credentials_from_bad_ones() {
        for (body, verdict) in [
            (r#"{"errcode":40029,"errmsg":"invalid code"}"#, "accepted"),
            (r#"{"errcode":"40029"}"#, "accepted"),
            (r#"{"errcode":40013}"#, "refused 40013"),
            (r#"{"errcode":40125}"#, "refused 40125"),
            (r#"{"errcode":40164}"#, "refused 40164"),
            (r#"{"errcode":45009}"#, "refused 45009"),
            (r#"{"errcode":-1}"#, "unclear -1"),
            (r#"{"errcode":45011}"#, "unclear 45011"),
            (r#"{"errcode":47001}"#, "unclear 47001"),
        ] {
            let read = match read_credentials(body.as_bytes()).expect(body) {
                Credentials::Accepted => "accepted".to_owned(),
                Credentials::Refused(refusal) => format!("refused {}", refusal.errcode),
                Credentials::Unclear(refusal) => format!("unclear {}", refusal.errcode),
            };
            assert_eq!(read, verdict, "{body}");
        }
        for body in ["<html>", "{}", "[]", ""] {
            assert!(read_credentials(body.as_bytes()).is_err(), "{body}");
        }
    }

    #[test]
    fn the_time_that_the_answer_took_is_no_distance() {
        let date = HeaderValue::from_static("Tue, 24 Nov 2026 00:00:30 GMT");
        // Midnight of that day, and so many seconds.
        let at =
            |seconds: u64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds);
        for (asked, answered, ahead) in
            [(29, 31, 0), (30, 35, 0), (10, 20, 10), (31, 33, 0), (41, 42, -10)]
        {
            assert_eq!(seconds_ahead(&date, at(asked), at(answered)), Some(ahead), "{asked}");
        }
    }
}
