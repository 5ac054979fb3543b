//! One simulated user: a phone, a page, and a network that reorders and loses.

use std::sync::Arc;
use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use fastrand::Rng;

use super::page::{Answer, Client};
use super::plan::{Login, Plan, Posting, Tap, Trouble};
use crate::encryption::EncryptedData;
use crate::phone::PhoneOptions;
use crate::world::World;

/// How much later than the tap a login that it overtook arrives, at most.
const MOST_OVERTAKEN: Duration = Duration::from_millis(200);
/// After how long a page that hears nothing gives up.
const MOST_PATIENCE: Duration = Duration::from_millis(20);

/// What became of one user's first tap.
#[derive(Clone, Debug)]
pub struct FirstTap {
    /// The worst that happened around it.
    pub trouble: Trouble,
    /// How it failed, with what it takes to play the user again; `None` is a success.
    pub failure: Option<String>,
    /// Posts of a code that brought no login.
    pub refused_logins: usize,
}

pub(super) struct User {
    name: String,
    phone_number: String,
    wechat: Arc<World>,
    servers: [Client; 2],
    rng: Rng,
    refused_logins: usize,
}

impl User {
    pub(super) fn new(
        names: &str,
        number: usize,
        wechat: &Arc<World>,
        servers: &[Client; 2],
        rng: Rng,
    ) -> Self {
        Self {
            name: format!("{names}{number}"),
            phone_number: format!("135{number:08}"),
            wechat: Arc::clone(wechat),
            servers: servers.clone(),
            rng,
            refused_logins: 0,
        }
    }

    /// Goes through the plan.
    pub(super) async fn live(mut self, plan: &Plan) -> FirstTap {
        let mut openid = None;
        for login in &plan.before {
            let code = self.wx_login(*login);
            openid = openid.or(self.post_code(&code, login.posting).await);
        }
        let overtaken: Vec<_> =
            plan.overtaken.iter().map(|login| (self.wx_login(*login), login.posting)).collect();
        let data = self.encrypted_phone();
        for login in &plan.after {
            let code = self.wx_login(*login);
            self.post_code(&code, login.posting).await;
        }

        let arriving: Vec<_> = overtaken
            .into_iter()
            .map(|(code, posting)| actix_rt::spawn(self.fork().arrive_late(code, posting)))
            .collect();
        let failure = match data {
            Some(data) => self.tap(plan.tap, openid, &data).await,
            None => Some("the phone has nothing to encrypt with".to_owned()),
        };
        for login in arriving {
            self.refused_logins += login.await.unwrap_or(1);
        }
        FirstTap { trouble: plan.trouble(), failure, refused_logins: self.refused_logins }
    }

    fn wx_login(&self, login: Login) -> String {
        self.wechat.login(&self.name, login.rotates)
    }

    fn encrypted_phone(&self) -> Option<EncryptedData> {
        let phone_number = Some(self.phone_number.clone());
        self.wechat.phone(&self.name, &PhoneOptions { phone_number, ..PhoneOptions::default() })
    }

    /// Returns how many logins were refused.
    async fn arrive_late(mut self, code: String, posting: Posting) -> usize {
        sleep(MOST_OVERTAKEN.mul_f64(self.rng.f64())).await;
        self.post_code(&code, posting).await;
        self.refused_logins
    }

    /// Returns the openid. A page whose code is refused runs `wx.login` again, once.
    async fn post_code(&mut self, code: &str, posting: Posting) -> Option<String> {
        let post = |server: Client, code: String| async move { server.post_code(&code).await };
        let answer = self.deliver(posting, |server| post(server, code.to_owned())).await;
        if answer.is_ok() {
            return answer.openid();
        }
        self.refused_logins += 1;
        let fresh = self.wechat.login(&self.name, false);
        self.server().post_code(&fresh).await.openid()
    }

    /// Returns how it failed.
    async fn tap(
        &mut self,
        tap: Tap,
        openid: Option<String>,
        data: &EncryptedData,
    ) -> Option<String> {
        let data = data.clone();
        let answer = match (tap, openid) {
            (Tap::OldPage(_), None) => return Some("no login brought an openid".to_owned()),
            (Tap::OldPage(posting), Some(openid)) => {
                let post = |server: Client, openid: String, data: EncryptedData| async move {
                    server.post_phone(&openid, &data).await
                };
                self.deliver(posting, |server| post(server, openid.clone(), data.clone())).await
            }
            (Tap::OneCall(login), _) => {
                let code = self.wx_login(login);
                let post = |server: Client, code: String, data: EncryptedData| async move {
                    server.post_user(&code, &data).await
                };
                self.deliver(login.posting, |server| post(server, code.clone(), data.clone())).await
            }
        };
        let is_right = answer.is_ok() && answer.body.contains(&self.phone_number);
        (!is_right).then(|| format!("{} {}", answer.status, answer.body))
    }

    /// Posts to a random server; what counts is the answer that the page hears first.
    async fn deliver<F>(&mut self, posting: Posting, post: impl Fn(Client) -> F) -> Answer
    where
        F: Future<Output = Answer> + 'static,
    {
        match posting {
            Posting::Once => post(self.server()).await,
            Posting::Twice => {
                let second = actix_rt::spawn(post(self.server()));
                let first = post(self.server()).await;
                match second.await {
                    Ok(second) if first.is_ok() => second,
                    _ => first,
                }
            }
            Posting::LostAnswer => {
                let patience = MOST_PATIENCE.mul_f64(self.rng.f64());
                let _ = timeout(patience, post(self.server())).await;
                post(self.server()).await
            }
        }
    }

    fn server(&mut self) -> Client {
        let [first, second] = &self.servers;
        if self.rng.bool() { first.clone() } else { second.clone() }
    }

    fn fork(&mut self) -> Self {
        Self {
            name: self.name.clone(),
            phone_number: self.phone_number.clone(),
            wechat: Arc::clone(&self.wechat),
            servers: self.servers.clone(),
            rng: self.rng.fork(),
            refused_logins: 0,
        }
    }
}
