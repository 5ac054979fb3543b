//! One simulated user: a phone, a page, and a network that reorders and loses.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_rt::time::{sleep, timeout};
use fastrand::Rng;
use wxauth_sandbox::{EncryptedData, PhoneOptions, Sandbox};

use super::plan::{Login, Plan, Posting, Tap};
use crate::harness::{Answer, Client};

/// How much later than the tap a login that it overtook arrives, at most.
const MOST_OVERTAKEN: Duration = Duration::from_millis(200);
/// After how long a page that hears nothing gives up.
const MOST_PATIENCE: Duration = Duration::from_millis(20);

pub struct User {
    name: String,
    phone_number: String,
    wechat: Sandbox,
    servers: [Client; 2],
    rng: Rng,
    refused_logins: Rc<Cell<usize>>,
}

impl User {
    pub fn new(number: usize, wechat: &Sandbox, servers: &[Client; 2], rng: Rng) -> Self {
        Self {
            name: format!("user{number}"),
            phone_number: format!("135{number:08}"),
            wechat: wechat.clone(),
            servers: servers.clone(),
            rng,
            refused_logins: Rc::default(),
        }
    }

    /// How many posts of a code brought no login; shared, so that it can be read afterwards.
    pub fn refused_logins(&self) -> Rc<Cell<usize>> {
        Rc::clone(&self.refused_logins)
    }

    /// Goes through the plan. An `Err` is a first tap that failed, and how it was answered.
    pub async fn live(mut self, plan: Plan) -> Result<(), String> {
        let mut openid = None;
        for login in plan.before {
            let code = self.wx_login(login);
            openid = openid.or(self.post_code(&code, login.posting).await);
        }
        let overtaken: Vec<_> =
            plan.overtaken.iter().map(|login| (self.wx_login(*login), login.posting)).collect();
        let phone =
            PhoneOptions { phone_number: Some(self.phone_number.clone()), ..Default::default() };
        let data = self.wechat.phone_with(&self.name, phone);
        for login in plan.after {
            let code = self.wx_login(login);
            self.post_code(&code, login.posting).await;
        }

        let arriving: Vec<_> = overtaken
            .into_iter()
            .map(|(code, posting)| {
                let mut network = self.fork();
                actix_rt::spawn(async move {
                    sleep(MOST_OVERTAKEN.mul_f64(network.rng.f64())).await;
                    network.post_code(&code, posting).await;
                })
            })
            .collect();
        let tapped = self.tap(plan.tap, openid, &data).await;
        for login in arriving {
            login.await.expect("no login panics");
        }
        tapped
    }

    fn wx_login(&self, login: Login) -> String {
        match login.rotates {
            true => self.wechat.login_rotating(&self.name),
            false => self.wechat.login(&self.name),
        }
    }

    /// Returns the openid. A page whose code is refused runs `wx.login` again, once.
    async fn post_code(&mut self, code: &str, posting: Posting) -> Option<String> {
        let post = |server: Client, code: String| async move { server.post_code(&code).await };
        let answer = self.deliver(posting, |server| post(server, code.to_owned())).await;
        if answer.status == 200 {
            return Some(answer.text("openid"));
        }
        self.refused_logins.set(self.refused_logins.get() + 1);
        let fresh = self.wechat.login(&self.name);
        let answer = self.server().post_code(&fresh).await;
        (answer.status == 200).then(|| answer.text("openid"))
    }

    async fn tap(
        &mut self,
        tap: Tap,
        openid: Option<String>,
        data: &EncryptedData,
    ) -> Result<(), String> {
        let data = data.clone();
        let answer = match (tap, openid) {
            (Tap::OldPage(_), None) => return Err("no login brought an openid".to_owned()),
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
        let body = String::from_utf8_lossy(&answer.body);
        let is_right = answer.status == 200 && body.contains(&self.phone_number);
        if is_right { Ok(()) } else { Err(format!("{} {body}", answer.status)) }
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
                let second = second.await.expect("no post panics");
                if first.status == 200 { second } else { first }
            }
            Posting::LostAnswer => {
                let patience = MOST_PATIENCE.mul_f64(self.rng.f64());
                let _ = timeout(patience, post(self.server())).await;
                post(self.server()).await
            }
        }
    }

    fn server(&mut self) -> Client {
        self.rng.choice(&self.servers).expect("there are two").clone()
    }

    fn fork(&mut self) -> Self {
        Self {
            name: self.name.clone(),
            phone_number: self.phone_number.clone(),
            wechat: self.wechat.clone(),
            servers: self.servers.clone(),
            rng: self.rng.fork(),
            refused_logins: Rc::clone(&self.refused_logins),
        }
    }
}
