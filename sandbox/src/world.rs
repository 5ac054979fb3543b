//! All that the sandbox knows, behind one lock, and the rules of an exchange.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use parking_lot::{Condvar, Mutex, MutexGuard};
use tokio::sync::watch;

use crate::answer::Style;
use crate::calls::{CallCounts, Calls};
use crate::codes::Codes;
use crate::encryption::{EncryptedData, encrypt_under, random_block};
use crate::fault::{Fault, FaultQueue};
use crate::journal::Journal;
use crate::options::Options;
use crate::phone::PhoneOptions;
use crate::user::User;

pub(crate) struct World {
    pub(crate) options: Options,
    /// Tells this sandbox from one that was started later at the same address.
    pub(crate) number: u32,
    started: Instant,
    state: Mutex<State>,
    /// Told whenever a call arrives or an answer begins to wait.
    pub(crate) changed: Condvar,
    pub(crate) released: watch::Sender<()>,
    next_host: AtomicUsize,
    deaths: Mutex<HashMap<HostNumber, Death>>,
}

/// Lets a host die for so long.
type Death = Box<dyn Fn(Duration) + Send + Sync>;

/// Which of WeChat's hosts; the sandbox's own address is the first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct HostNumber(pub(crate) usize);

pub(crate) struct State {
    pub(crate) users: HashMap<Arc<str>, User>,
    pub(crate) codes: Codes,
    faults: HashMap<HostNumber, FaultQueue>,
    /// The only secret that is accepted.
    pub(crate) secret: String,
    /// How many exchanges are left before all are refused; `None` is without a limit.
    pub(crate) quota: Option<u64>,
    pub(crate) style: Style,
    pub(crate) counts: CallCounts,
    pub(crate) journal: Journal,
    pub(crate) held: bool,
    pub(crate) waiting: usize,
    /// How far tests have moved the clock ahead.
    clock_ahead: Duration,
}

impl World {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            options: options.clone(),
            number: fastrand::u32(..),
            started: Instant::now(),
            state: Mutex::new(State {
                users: HashMap::new(),
                codes: Codes::living(options.code_lifetime),
                faults: HashMap::new(),
                secret: options.secret.clone(),
                quota: None,
                style: Style::default(),
                counts: CallCounts::default(),
                journal: Journal::default(),
                held: false,
                waiting: 0,
                clock_ahead: Duration::ZERO,
            }),
            changed: Condvar::new(),
            released: watch::Sender::new(()),
            next_host: AtomicUsize::new(0),
            deaths: Mutex::default(),
        }
    }

    pub(crate) fn next_host(&self) -> HostNumber {
        HostNumber(self.next_host.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn can_die(&self, host: HostNumber, death: Death) {
        self.deaths.lock().insert(host, death);
    }

    pub(crate) fn die(&self, host: HostNumber, time: Duration) {
        let deaths = self.deaths.lock();
        if let Some(death) = deaths.get(&host) {
            death(time);
        }
    }

    pub(crate) fn appid(&self) -> &str {
        &self.options.appid
    }

    pub(crate) fn secret(&self) -> &str {
        &self.options.secret
    }

    pub(crate) fn set_secret(&self, secret: &str) {
        self.state().secret = secret.to_owned();
    }

    pub(crate) fn set_quota(&self, left: Option<u64>) {
        self.state().quota = left;
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

    pub(crate) fn fail_next(&self, host: HostNumber, fault: Fault, times: usize) {
        self.state().faults_of(host).push(fault, times);
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

    pub(crate) fn exchanges_at(&self, host: HostNumber) -> u64 {
        self.state().counts.arrived_at(host.0)
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
        self.state.lock()
    }

    pub(crate) fn now(&self, state: &State) -> Duration {
        self.started.elapsed().saturating_add(state.clock_ahead)
    }
}

impl State {
    pub(crate) fn faults_of(&mut self, host: HostNumber) -> &mut FaultQueue {
        self.faults.entry(host).or_default()
    }

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
