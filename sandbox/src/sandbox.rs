//! The handle that tests and benchmarks hold: every call goes straight at the world.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::answer::Style;
use crate::calls::Calls;
use crate::encryption::EncryptedData;
use crate::fault::Fault;
use crate::host::Host;
use crate::options::Options;
use crate::phone::PhoneOptions;
use crate::simulation::{self, FirstTap, Simulation};
use crate::user;
use crate::world::World;

/// A running sandbox WeChat. Clones share it; it stops with the last of them.
#[derive(Clone)]
pub struct Sandbox {
    world: Arc<World>,
    first: Host,
}

impl Sandbox {
    /// Serves on a thread of its own, and returns when it listens. It does not
    /// matter whether the caller is inside an async runtime.
    pub fn start(options: Options) -> io::Result<Sandbox> {
        let world = Arc::new(World::new(&options));
        let first = Host::start(Arc::clone(&world), &options)?;
        Ok(Sandbox { world, first })
    }

    /// One more address of the same WeChat. It stops with the last handle on it.
    pub fn add_host(&self, bind: &str) -> io::Result<Host> {
        let options = Options { bind: bind.to_owned(), ..self.world.options.clone() };
        Host::start(Arc::clone(&self.world), &options)
    }

    /// The sandbox's own address, as one of several.
    pub fn first_host(&self) -> Host {
        self.first.clone()
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn base_url(&self) -> String {
        self.first.base_url()
    }

    pub fn appid(&self) -> &str {
        self.world.appid()
    }

    pub fn secret(&self) -> &str {
        self.world.secret()
    }

    /// The address of the old design, which serves what a page posts in its way.
    pub fn old_design_url(&self) -> String {
        format!("{}/old-design", self.base_url())
    }

    /// Sends random users through two servers, and tells of each first tap.
    ///
    /// # Panics
    /// Outside of an actix runtime.
    pub fn simulate(&self, simulation: &Simulation) -> mpsc::Receiver<FirstTap> {
        simulation::play(&self.world, simulation)
    }

    /// Closes the port and every connection; nothing is answered any more.
    pub fn stop(&self) {
        self.first.stop();
    }

    /// `wx.login`: a single-use code, bound to the user's current session_key.
    pub fn login(&self, user: &str) -> String {
        self.world.login(user, false)
    }

    /// `wx.login` where WeChat replaces the session_key first.
    pub fn login_rotating(&self, user: &str) -> String {
        self.world.login(user, true)
    }

    /// The user's openid, known before the first login: it depends on the name only.
    pub fn openid(&self, user: &str) -> String {
        user::openid(user)
    }

    /// The current session_key in base64; `None` before the first login.
    pub fn session_key(&self, user: &str) -> Option<String> {
        self.world.session_key(user)
    }

    /// What later exchanges say about the user's unionid.
    pub fn set_unionid(&self, user: &str, unionid: Option<&str>) {
        self.world.set_unionid(user, unionid);
    }

    /// What the user's phone hands to the page after the tap.
    ///
    /// # Panics
    /// If the user never logged in, as there is no session_key then.
    pub fn phone(&self, user: &str) -> EncryptedData {
        self.phone_with(user, PhoneOptions::default())
    }

    /// The same with other data in it.
    ///
    /// # Panics
    /// If the user never logged in.
    pub fn phone_with(&self, user: &str, phone: PhoneOptions) -> EncryptedData {
        let Some(data) = self.world.phone(user, &phone) else {
            panic!("the sandbox's user {user:?} never logged in: call login first");
        };
        data
    }

    /// Queues a fault: each of the next `times` exchanges with good credentials that arrive at the
    /// sandbox's own address meets it.
    pub fn fail_next(&self, fault: Fault, times: usize) {
        self.first.fail_next(fault, times);
    }

    /// From now on only this secret is accepted, as after a reset in WeChat's console.
    pub fn set_secret(&self, secret: &str) {
        self.world.set_secret(secret);
    }

    /// So many more exchanges are made, and then each is refused with 45009; `None` is without a
    /// limit again.
    pub fn set_quota(&self, left: Option<u64>) {
        self.world.set_quota(left);
    }

    /// Forgets the faults that are still queued.
    pub fn clear_faults(&self) {
        self.world.clear_faults();
    }

    /// How answers look from now on.
    pub fn set_style(&self, style: Style) {
        self.world.set_style(style);
    }

    /// Holds the answers of exchanges that arrive from now on. What happens to
    /// the code is decided when its exchange arrives; only the answer waits.
    pub fn hold(&self) {
        self.world.hold();
    }

    /// Lets every held answer go, and holds no more.
    pub fn release(&self) {
        self.world.release();
    }

    /// Returns once at least `n` answers are being held.
    ///
    /// # Panics
    /// If that takes more than ten seconds.
    pub async fn wait_for_waiting(&self, n: usize) {
        self.world.wait_for_waiting(n).await;
    }

    /// Returns once at least `n` exchanges have arrived since the start.
    ///
    /// # Panics
    /// If that takes more than ten seconds.
    pub async fn wait_for_calls(&self, n: u64) {
        self.world.wait_for_calls(n).await;
    }

    /// What was asked and answered so far.
    pub fn calls(&self) -> Calls {
        self.world.calls()
    }

    /// How often this code was sent for exchange, whatever came of it. Kept for
    /// the latest 65,536 codes.
    pub fn exchanges_of(&self, code: &str) -> u64 {
        self.world.exchanges_of(code)
    }

    /// From now on the user's exchanges answer 40226.
    pub fn block(&self, user: &str) {
        self.world.block(user);
    }

    /// Every code that is out has expired.
    pub fn expire_codes(&self) {
        self.world.expire_codes();
    }

    /// Moves the sandbox's clock, by which codes age and the rate limit counts.
    pub fn age_codes(&self, by: Duration) {
        self.world.age_codes(by);
    }
}
