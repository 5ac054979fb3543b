//! Switching on, from secret to secret, and off, by the four steps and under load.

use std::cell::Cell;
use std::rc::Rc;

use super::reencrypt::insert_many;
use super::{SECRETS, run_with};
use crate::harness::{Client, Finished, Server, TemporaryFile, World};

const FILE: &str = "SESSION_KEY_SECRETS_FILE";
/// Users that go through logins and taps all the time.
const BUSY_USERS: usize = 4;
/// Keys that give `reencrypt` something to do.
const MANY: u32 = 1_500;
const LOADED: &str = "session keys are stored under";

/// A server whose list of secrets is a file.
struct Rotated {
    server: Server,
    file: TemporaryFile,
    loads: Cell<usize>,
}

impl Rotated {
    fn start(world: &World, list: &str) -> Self {
        let file = TemporaryFile::new("secrets", list);
        let mut variables = world.variables();
        variables.retain(|(name, _)| *name != SECRETS);
        // Long, so that a slow machine fails nobody.
        let server = Server::start(&variables, &[(FILE, file.path()), ("LOGIN_GRACE_MS", "20000")]);
        Self { server, file, loads: Cell::new(1) }
    }

    /// Returns when the new list is in use.
    async fn reload(&self, list: &str) {
        std::fs::write(self.file.path(), list).expect("the temporary directory can be written");
        self.server.signal("HUP");
        self.loads.set(self.loads.get() + 1);
        while self.server.log().matches(LOADED).count() < self.loads.get() {
            actix_rt::task::yield_now().await;
        }
    }
}

#[derive(Default)]
struct Load {
    is_over: Cell<bool>,
    taps: Cell<u64>,
}

impl Load {
    /// Each tap's key was replaced before it, by a login at either server.
    async fn run(&self, world: &World, user: String, servers: [Client; 2]) {
        let mut rng = fastrand::Rng::new();
        while !self.is_over.get() {
            let mut page = || rng.choice(&servers).expect("there are two").clone();
            let openid = page().log_in_rotating(world, &user).await;
            let data = world.wechat.phone(&user);
            page().log_in_rotating(world, &user).await;
            page().post_phone(&openid, &data).await.assert_ok();
            self.taps.set(self.taps.get() + 1);
        }
    }

    /// Returns when so many more taps have succeeded.
    async fn wait_for_taps(&self, count: u64) {
        let enough = self.taps.get() + count;
        while self.taps.get() < enough {
            actix_rt::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

#[actix_rt::test]
async fn every_first_tap_succeeds_while_secrets_are_switched_on_changed_and_off() {
    let world = Rc::new(World::with_rate_limit(None));
    let servers = [Rotated::start(&world, "plain"), Rotated::start(&world, "plain")];
    insert_many(&world, MANY);
    let page = servers[0].server.client();
    let first = page.log_in(&world, "first").await;
    let first_data = world.wechat.phone("first");
    let load = Rc::new(Load::default());
    let clients = [servers[0].server.client(), servers[1].server.client()];
    let busy: Vec<_> = (0..BUSY_USERS)
        .map(|number| {
            let (load, world, clients) = (Rc::clone(&load), Rc::clone(&world), clients.clone());
            actix_rt::spawn(async move {
                load.run(&world, format!("busy{number}"), clients).await;
            })
        })
        .collect();

    let entries: Vec<String> = ["plain"]
        .map(str::to_owned)
        .into_iter()
        .chain(["a", "b", "c", "d"].map(|name| {
            Finished::of(&["secret", name], &[], b"").assert_ok().stdout.trim_end().to_owned()
        }))
        .chain(["plain".to_owned()])
        .collect();
    for change in entries.windows(2) {
        let (old, new) = (&change[0], &change[1]);
        // Added at the end everywhere, moved to the front everywhere.
        for list in [format!("{old},{new}"), format!("{new},{old}")] {
            for server in &servers {
                server.reload(&list).await;
                load.wait_for_taps(5).await;
            }
        }
        let list = format!("{new},{old}");
        reencrypt(&world, &list, name_of(new)).await;
        // Removed everywhere.
        for server in &servers {
            server.reload(new).await;
            load.wait_for_taps(5).await;
        }
        let check = run_with(&world, new, &["sessions", "reencrypt", "--check", "--json"]);
        assert_eq!(check.assert_ok().json()["unreadable"], 0, "{}", check.stdout);
    }

    load.is_over.set(true);
    for user in busy {
        user.await.expect("no tap fails");
    }
    page.post_phone(&first, &first_data).await.assert_ok();
    for server in &servers {
        let log = server.server.log();
        assert!(!log.contains("does not list") && !log.contains("is not what"), "{log}");
    }
    println!("{} taps", load.taps.get());
}

/// Killed once on its way, then run to its end.
async fn reencrypt(world: &World, list: &str, name: &str) {
    const REENCRYPT: [&str; 3] = ["sessions", "reencrypt", "--json"];
    let left = match name {
        "plain" => "session_key LIKE '%:%'".to_owned(),
        _ => format!("session_key NOT LIKE '{name}:%'"),
    };
    let left = format!("FROM sessions WHERE openid LIKE 'many%' AND {left}");
    let running = Server::spawn(&REENCRYPT, &world.variables(), &[(SECRETS, list)]);
    while world.database.count(&left) == u64::from(MANY) {
        actix_rt::task::yield_now().await;
    }
    // Killed when dropped.
    drop(running);
    let (variables, list) = (world.variables(), list.to_owned());
    let done = actix_rt::task::spawn_blocking(move || {
        let mut variables = variables;
        variables.retain(|(name, _)| *name != SECRETS);
        variables.push((SECRETS, list));
        Finished::of(&REENCRYPT, &variables, b"")
    });
    let done = done.await.expect("the command ends");
    assert_eq!(done.assert_ok().json()["unreadable"], 0, "{}", done.stdout);
}

fn name_of(entry: &str) -> &str {
    entry.split(':').next().expect("a part")
}
