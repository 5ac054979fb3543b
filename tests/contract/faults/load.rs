//! Pages that log in and send their phones, many at once, and note what they were answered.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use actix_rt::System;
use actix_rt::time::sleep;
use serde_json::{Value, json};
use wxauth_sandbox::{PhoneOptions, Sandbox};

use crate::harness::{Client, Server, fingerprint};

const PAGES: usize = 24;
/// A page's pause after an answer, so that a test leaves some of the machine to others.
const THINK: Duration = Duration::from_millis(5);
/// The same after a refusal.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// For answers that must come; never reached where the server works.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a page was answered with 200, beside what was its own.
#[derive(Debug, Clone)]
pub enum Acknowledged {
    Login { own: String, told: String, key_fingerprint: String },
    Phone { own: (String, String), told: (String, String), user_id: u64 },
}

#[derive(Debug, Default, Clone)]
pub struct Log {
    pub acknowledged: Vec<Acknowledged>,
    /// 503s, which a page may get, and tries again.
    pub refused: usize,
    /// Answers that no page may get.
    pub odd: Vec<String>,
    pub slowest: Duration,
    /// When which answers came: 200, or 503.
    pub answers: Vec<(Instant, u16)>,
}

#[derive(Default)]
struct Shared {
    log: Mutex<Log>,
    grown: Condvar,
    is_over: AtomicBool,
}

/// Ends by itself when dropped.
pub struct Load {
    shared: Arc<Shared>,
    running: Option<JoinHandle<()>>,
}

impl Load {
    /// On a thread of its own, so that a test that blocks slows no page down.
    pub fn start(server: &Server, wechat: &Sandbox) -> Self {
        Self::start_on(&[server], wechat)
    }

    /// The same where a balancer gives each request to the next server.
    pub fn start_on(servers: &[&Server], wechat: &Sandbox) -> Self {
        let shared = Arc::new(Shared::default());
        let (noting, wechat) = (Arc::clone(&shared), wechat.clone());
        let base_urls: Vec<String> =
            servers.iter().map(|server| format!("http://{}", server.address())).collect();
        let running = thread::spawn(move || {
            System::new().block_on(async move {
                let clients: Vec<Client> = base_urls.iter().map(|url| Client::new(url)).collect();
                let page = |number| Page {
                    number,
                    requests: Cell::new(number),
                    clients: clients.clone(),
                    wechat: wechat.clone(),
                    shared: Arc::clone(&noting),
                };
                let pages: Vec<_> =
                    (0..PAGES).map(|number| actix_rt::spawn(page(number).live())).collect();
                for page in pages {
                    page.await.expect("no page panics");
                }
            });
        });
        Self { shared, running: Some(running) }
    }

    /// Returns when so many more answers were 200.
    #[track_caller]
    pub fn wait_for_acknowledged(&self, more: usize) {
        self.wait_for("answers", more, |log| log.acknowledged.len());
    }

    /// Returns when so many more answers were 503.
    #[track_caller]
    pub fn wait_for_refused(&self, more: usize) {
        self.wait_for("refusals", more, |log| log.refused);
    }

    #[track_caller]
    fn wait_for(&self, what: &str, more: usize, count: impl Fn(&Log) -> usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut log = self.shared.log.lock().expect("no page panics");
        let goal = count(&log) + more;
        while count(&log) < goal && log.odd.is_empty() && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            log = self.shared.grown.wait_timeout(log, left).expect("no page panics").0;
        }
        let (is_reached, odd) = (count(&log) >= goal, log.odd.clone());
        // The pages still need it if this panics.
        drop(log);
        assert!(is_reached && odd.is_empty(), "no {more} {what}: {odd:?}");
    }

    /// How many answers were 503 until now.
    pub fn refused(&self) -> usize {
        self.shared.log.lock().expect("no page panics").refused
    }

    /// Lets the pages finish what they have begun.
    pub fn end(mut self) -> Log {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.running.take().expect("it runs").join().expect("no page panics");
        self.shared.log.lock().expect("no page panics").clone()
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
    }
}

struct Page {
    number: usize,
    requests: Cell<usize>,
    clients: Vec<Client>,
    wechat: Sandbox,
    shared: Arc<Shared>,
}

impl Page {
    /// One user after the other, until one is answered what it should not be, or the load is over.
    async fn live(self) {
        for round in 0_usize.. {
            let name = format!("page{}-{round}", self.number);
            let phone_number = format!("135{:02}{:06}", self.number, round);
            if self.go_through(&name, &phone_number).await.is_none() {
                return;
            }
        }
    }

    /// A login, another one with another key, its code once more, the phone, the phone once more.
    async fn go_through(&self, name: &str, phone_number: &str) -> Option<()> {
        self.log_in(name, &self.wechat.login(name)).await?;
        let code = self.wechat.login_rotating(name);
        self.log_in(name, &code).await?;
        self.log_in(name, &code).await?;
        self.send_phone(name, phone_number).await?;
        self.send_phone(name, phone_number).await
    }

    async fn log_in(&self, name: &str, code: &str) -> Option<()> {
        let session_key = self.wechat.session_key(name).expect("the user has logged in");
        let body = self.insist("/code2Session", &json!({"jsCode": code})).await?;
        self.note(Acknowledged::Login {
            own: self.wechat.openid(name),
            told: text(&body, "openid"),
            key_fingerprint: fingerprint(&session_key),
        });
        Some(())
    }

    async fn send_phone(&self, name: &str, phone_number: &str) -> Option<()> {
        let openid = self.wechat.openid(name);
        let phone_number = phone_number.to_owned();
        let options =
            PhoneOptions { phone_number: Some(phone_number.clone()), ..PhoneOptions::default() };
        let data = self.wechat.phone_with(name, options);
        let body = json!({"openid": openid, "encryptedData": data.encrypted_data, "iv": data.iv});
        let body = self.insist("/getWXUserPhone", &body).await?;
        self.note(Acknowledged::Phone {
            own: (openid, phone_number),
            told: (text(&body, "openid"), text(&body, "phoneNumber")),
            user_id: body["userId"].as_u64().unwrap_or_default(),
        });
        Some(())
    }

    /// Posts until the answer is 200, and gives its body.
    async fn insist(&self, path: &str, body: &Value) -> Option<Value> {
        let headers = [("content-type", "application/json")];
        // What was refused is asked again where it was: that process has exchanged the code.
        self.requests.set(self.requests.get() + 1);
        let client = &self.clients[self.requests.get() % self.clients.len()];
        while !self.shared.is_over.load(Ordering::SeqCst) {
            let begun = Instant::now();
            let body = body.to_string().into_bytes();
            let answer = client.try_send("POST", path, &headers, body).await;
            let elapsed = begun.elapsed();
            let status = answer.as_ref().map_or(0, |answer| answer.status);
            self.change(|log| {
                log.slowest = log.slowest.max(elapsed);
                log.answers.push((Instant::now(), status));
            });
            match answer {
                Ok(answer) if answer.status == 200 => {
                    sleep(THINK).await;
                    return Some(answer.json());
                }
                Ok(answer) if answer.status == 503 => {
                    self.change(|log| log.refused += 1);
                    sleep(RETRY_PAUSE).await;
                }
                Ok(answer) => {
                    let odd = format!("{path}: {} {}", answer.status, answer.json());
                    self.change(|log| log.odd.push(odd));
                    return None;
                }
                Err(error) => {
                    self.change(|log| log.odd.push(format!("{path}: {error}")));
                    return None;
                }
            }
        }
        None
    }

    fn note(&self, acknowledged: Acknowledged) {
        self.change(|log| log.acknowledged.push(acknowledged));
    }

    fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.shared.log.lock().expect("no page panics"));
        self.shared.grown.notify_all();
    }
}

fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_default().to_owned()
}
