//! Whether WeChat can be reached and accepts appid and secret, asked without a user.

use std::rc::Rc;
use std::time::{Duration, SystemTime};

use actix_rt::time::timeout;
use awc::http::header::{HeaderValue, HttpDate};

use super::answer::{read_answer, read_errcode};
use super::client::{Fetched, WeChat};
use super::exchange::ExchangeError;
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credentials {
    /// WeChat got as far as the code, which is refused of course.
    Accepted,
    /// WeChat refused with this errcode, as appid, secret or their form is wrong.
    Refused(i64),
    /// WeChat refused with this errcode before it told.
    Unclear(i64),
}

/// Asks once, within the configuration's budget. An error is a WeChat that cannot be reached, or
/// something else in its place.
pub async fn probe(config: &WeChatConfig) -> Result<Probe, ExchangeError> {
    let wechat = WeChat::new(config);
    let url = wechat.url(&made_up_code());
    let asked = SystemTime::now();
    let client = Rc::clone(&wechat.client.borrow());
    let fetching = timeout(config.timeout, wechat.fetch(&client, &url));
    let Fetched { date, body } = fetching.await.unwrap_or(Err(ExchangeError::Timeout))?;
    let answered = SystemTime::now();
    Ok(Probe {
        credentials: read_credentials(&body)?,
        clock_ahead_seconds: date.and_then(|date| seconds_ahead(&date, asked, answered)),
    })
}

fn made_up_code() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(CODE_LENGTH).collect()
}

fn read_credentials(body: &[u8]) -> Result<Credentials, ExchangeError> {
    let errcode = read_errcode(body).unwrap_or(0);
    match read_answer(body) {
        Ok(_) | Err(ExchangeError::CodeRejected(_) | ExchangeError::UserBlocked(_)) => {
            Ok(Credentials::Accepted)
        }
        Err(ExchangeError::Misconfigured(_)) => Ok(Credentials::Refused(errcode)),
        Err(error) if errcode == 0 => Err(error),
        Err(_) => Ok(Credentials::Unclear(errcode)),
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
mod tests {
    use super::*;

    #[test]
    fn a_made_up_code_tells_good_credentials_from_bad_ones() {
        for (body, credentials) in [
            (r#"{"errcode":40029,"errmsg":"invalid code"}"#, Credentials::Accepted),
            (r#"{"errcode":"40029"}"#, Credentials::Accepted),
            (r#"{"errcode":40013}"#, Credentials::Refused(40013)),
            (r#"{"errcode":40125}"#, Credentials::Refused(40125)),
            (r#"{"errcode":-1}"#, Credentials::Unclear(-1)),
            (r#"{"errcode":45011}"#, Credentials::Unclear(45011)),
            (r#"{"errcode":40164}"#, Credentials::Unclear(40164)),
        ] {
            assert_eq!(read_credentials(body.as_bytes()), Ok(credentials), "{body}");
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
