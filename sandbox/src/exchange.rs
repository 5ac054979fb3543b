//! The rules of an exchange: what WeChat checks, in which order, and what it does.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::answer::{Grant, Style};
use crate::fault::Fault;
use crate::options::Options;
use crate::wait::Held;
use crate::world::{HostNumber, State, World};

/// What the query carried; an empty parameter counts as a missing one.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Parameters {
    appid: String,
    secret: String,
    js_code: String,
    grant_type: String,
}

impl Parameters {
    /// What a server sends that is configured well.
    pub(crate) fn of(appid: &str, secret: String, js_code: String) -> Self {
        Self {
            appid: appid.to_owned(),
            secret,
            js_code,
            grant_type: "authorization_code".to_owned(),
        }
    }
}

/// What becomes of one call.
pub(crate) struct Decision {
    /// WeChat's answer, or `None` where the fault leaves no room for one.
    pub(crate) answer: Option<Result<Grant, i64>>,
    pub(crate) fault: Option<Fault>,
    pub(crate) style: Style,
    /// Present while answers are held back.
    pub(crate) held: Option<Held>,
}

impl World {
    pub(crate) fn exchange(
        self: &Arc<Self>,
        parameters: &Parameters,
        host: HostNumber,
    ) -> Decision {
        self.decide(parameters, host, |state| state.faults_of(host).take())
    }

    /// Where a redirect leads: the same exchange, with no fault in the way.
    pub(crate) fn exchange_after_redirect(
        self: &Arc<Self>,
        parameters: &Parameters,
        host: HostNumber,
    ) -> Decision {
        self.decide(parameters, host, |_| None)
    }

    fn decide(
        self: &Arc<Self>,
        parameters: &Parameters,
        host: HostNumber,
        next_fault: impl FnOnce(&mut State) -> Option<Fault>,
    ) -> Decision {
        let mut state = self.state();
        state.counts.arrived(&parameters.js_code, host.0);
        let (answer, fault) = match check_credentials(parameters, &self.options, &state) {
            Err(errcode) => (Some(Err(errcode)), None),
            Ok(()) => {
                let fault = next_fault(&mut state);
                self.meet(fault, &mut state, &parameters.js_code)
            }
        };
        match (&answer, fault) {
            (Some(Err(errcode)), _) => state.counts.refused(*errcode),
            (Some(Ok(_)), None | Some(Fault::Delay(_))) => state.counts.succeeded(),
            _ => state.counts.spoiled(),
        }
        state.journal.note(&parameters.js_code, answer.as_ref());
        let decision =
            Decision { answer, fault, style: state.style, held: Held::if_held(self, &mut state) };
        drop(state);
        self.changed.notify_all();
        decision
    }

    fn meet(
        &self,
        fault: Option<Fault>,
        state: &mut State,
        code: &str,
    ) -> (Option<Result<Grant, i64>>, Option<Fault>) {
        match fault {
            Some(Fault::Busy) => return (Some(Err(-1)), None),
            Some(Fault::Errcode(errcode)) => return (Some(Err(errcode)), None),
            Some(fault) if !fault.consumes_the_code() => return (None, Some(fault)),
            _ => {}
        }
        let mut result = self.redeem(state, code);
        match (&mut result, fault) {
            (Err(_), Some(Fault::Delay(_))) => {}
            // There is nothing to lose or to spoil.
            (Err(_), _) => return (Some(result), None),
            (Ok(grant), Some(Fault::MissingKey)) => grant.session_key = None,
            (Ok(grant), Some(Fault::ShortKey)) => {
                grant.session_key = Some(STANDARD.encode(fastrand::u64(..).to_ne_bytes()));
            }
            _ => {}
        }
        (Some(result), fault)
    }

    fn redeem(&self, state: &mut State, code: &str) -> Result<Grant, i64> {
        if let Some(left) = &mut state.quota {
            *left = left.checked_sub(1).ok_or(45009)?;
        }
        let now = self.now(state);
        let code = state.codes.find(code, now).ok_or(40029)?;
        if code.used {
            return Err(40163);
        }
        let user = state.users.get_mut(&code.user).ok_or(40029)?;
        if user.blocked {
            return Err(40226);
        }
        if let Some(limit) = self.options.rate_limit_a_minute
            && !user.admit(now, limit)
        {
            return Err(45011);
        }
        code.used = true;
        Ok(Grant {
            openid: Arc::clone(&user.openid),
            session_key: Some(STANDARD.encode(code.session_key)),
            unionid: user.unionid.clone(),
        })
    }
}

fn check_credentials(parameters: &Parameters, options: &Options, state: &State) -> Result<(), i64> {
    if parameters.appid.is_empty() {
        return Err(41002);
    }
    if parameters.secret.is_empty() {
        return Err(41004);
    }
    if parameters.js_code.is_empty() {
        return Err(41008);
    }
    if parameters.grant_type != "authorization_code" {
        return Err(40002);
    }
    if parameters.appid != options.appid {
        return Err(40013);
    }
    if parameters.secret != state.secret {
        return Err(40125);
    }
    Ok(())
}
