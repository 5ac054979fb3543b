//! All that the sandbox knows, behind one lock, and the rules of an exchange.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::watch;

use crate::answer::Style;
use crate::calls::{CallCounts, Calls};
use crate::codes::Codes;
use crate::encryption::{EncryptedData, encrypt_under, random_block};
use crate::fault::{Fault, FaultQueue};
use crate::options::Options;
use crate::phone::PhoneOptions;
use crate::user::User;

pub(crate) struct World {
    pub(crate) options: Options,
    started: Instant,
    state: Mutex<State>,
    /// Told whenever a call arrives or an answer begins to wait.
    pub(crate) changed: Condvar,
    pub(crate) released: watch::Sender<()>,
}

pub(crate) struct State {
    pub(crate) users: HashMap<Arc<str>, User>,
    pub(crate) codes: Codes,
    pub(crate) faults: FaultQueue,
    pub(crate) style: Style,
    pub(crate) counts: CallCounts,
    pub(crate) held: bool,
    pub(crate) waiting: usize,
    /// How far tests have moved the clock ahead.
    clock_ahead: Duration,
}

impl World {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            started: Instant::now(),
            state: Mutex::new(State {
                users: HashMap::new(),
                codes: Codes::living(options.code_lifetime),
                faults: FaultQueue::default(),
                style: Style::default(),
                counts: CallCounts::default(),
                held: false,
                waiting: 0,
                clock_ahead: Duration::ZERO,
            }),
            changed: Condvar::new(),
            released: watch::Sender::new(()),
        }
    }

    pub(crate) fn appid(&self) -> &str {
        &self.options.appid
    }

    pub(crate) fn secret(&self) -> &str {
        &self.options.secret
    }

    pub(crate) fn login(&self, user: &str, rotate: bool) -> String {
        let mut state = self.state();
        let now = self.now(&state);
        let session_key = state.user(user).session_key_for_login(rotate);
        let name = state.name_of(user);
        state.codes.issue(name, session_key, now).to_string()
    }

    pub(crate) fn session_key(&self, user: &str) -> Option<String> {
        let session_key = self.state().users.get(user)?.session_key?;
        Some(STANDARD.encode(session_key))
    }

    pub(crate) fn set_unionid(&self, user: &str, unionid: Option<&str>) {
        self.state().user(user).unionid = unionid.map(Arc::from);
    }

    pub(crate) fn block(&self, user: &str) {
        self.state().user(user).blocked = true;
    }

    /// `None` if the user never logged in.
    pub(crate) fn phone(&self, user: &str, phone: &PhoneOptions) -> Option<EncryptedData> {
        let session_key = self.state().users.get(user)?.session_key?;
        let plaintext = phone.plaintext(user, self.appid());
        Some(encrypt_under(&session_key, &random_block(), &plaintext))
    }

    pub(crate) fn fail_next(&self, fault: Fault, times: usize) {
        self.state().faults.push(fault, times);
    }

    pub(crate) fn clear_faults(&self) {
        self.state().faults.clear();
    }

    pub(crate) fn set_style(&self, style: Style) {
        self.state().style = style;
    }

    pub(crate) fn hold(&self) {
        self.state().held = true;
    }

    pub(crate) fn release(&self) {
        let mut state = self.state();
        state.held = false;
        self.released.send_replace(());
    }

    pub(crate) fn calls(&self) -> Calls {
        self.state().counts.calls.clone()
    }

    pub(crate) fn exchanges_of(&self, code: &str) -> u64 {
        self.state().counts.exchanges_of(code)
    }

    pub(crate) fn expire_codes(&self) {
        let lifetime = self.options.code_lifetime;
        self.age_codes(lifetime);
    }

    pub(crate) fn age_codes(&self, by: Duration) {
        let mut state = self.state();
        state.clock_ahead = state.clock_ahead.saturating_add(by);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self, state: &State) -> Duration {
        self.started.elapsed().saturating_add(state.clock_ahead)
    }
}

impl State {
    /// The user of this name, who exists from the first mention on.
    fn user(&mut self, name: &str) -> &mut User {
        let name = self.name_of(name);
        let user = || User::named(&name);
        self.users.entry(Arc::clone(&name)).or_insert_with(user)
    }

    /// The name as it is shared with the user's codes.
    fn name_of(&self, name: &str) -> Arc<str> {
        match self.users.get_key_value(name) {
            Some((name, _)) => Arc::clone(name),
            None => name.into(),
        }
    }
}
