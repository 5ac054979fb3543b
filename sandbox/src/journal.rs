//! The latest exchanges, one by one, for whoever wants to see how a login went.

use std::collections::VecDeque;
use std::time::UNIX_EPOCH;

use serde::Serialize;

use crate::answer::Grant;
use crate::encryption::fingerprint;

/// Far more than a person looks back at; at about 150 bytes an exchange.
const MOST_EXCHANGES: usize = 4_096;

/// One exchange, as `GET /sandbox/exchanges` shows it: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Exchange {
    /// Milliseconds since 1970 when it arrived.
    at: u128,
    /// 0 is a success; `None` where a fault left no room for an answer.
    errcode: Option<i64>,
    /// Of the session_key that the answer holds.
    key_fingerprint: Option<String>,
}

#[derive(Default)]
pub(crate) struct Journal(VecDeque<(String, Exchange)>);

impl Journal {
    pub(crate) fn note(&mut self, code: &str, answer: Option<&Result<Grant, i64>>) {
        if self.0.len() >= MOST_EXCHANGES {
            self.0.pop_front();
        }
        let session_key = match answer {
            Some(Ok(grant)) => grant.session_key.as_deref(),
            _ => None,
        };
        let exchange = Exchange {
            at: UNIX_EPOCH.elapsed().map_or(0, |elapsed| elapsed.as_millis()),
            errcode: answer.map(|answer| answer.as_ref().map_or_else(|errcode| *errcode, |_| 0)),
            key_fingerprint: session_key.map(fingerprint),
        };
        self.0.push_back((code.to_owned(), exchange));
    }

    /// In the order in which they arrived.
    pub(crate) fn exchanges_of(&self, code: &str) -> Vec<Exchange> {
        let is_its = |(noted, _): &&(String, Exchange)| noted == code;
        self.0.iter().filter(is_its).map(|(_, exchange)| exchange.clone()).collect()
    }
}
