//! WeChat's name, and resolvers that fail.

use std::net::SocketAddr;
use std::time::Duration;

use crate::harness::{Authority, Client, Front, NAME, Resolver, Server, TemporaryFile, Way, World};

/// Where every name of these tests leads, if it leads anywhere.
const ADDRESS: &str = "127.0.0.1";
const A_MOMENT: Duration = Duration::from_secs(1);

/// A WeChat that is found by its name, and connected with anew for each login.
struct Named<'a> {
    world: &'a World,
    front: Front,
    certificate: TemporaryFile,
}

impl<'a> Named<'a> {
    fn start(world: &'a World) -> Self {
        let authority = Authority::for_name(NAME);
        let sandbox = world.wechat.base_url().trim_start_matches("http://").parse();
        let way = Way::To(sandbox.expect("an address"), authority.config());
        let address = SocketAddr::new(ADDRESS.parse().expect("an address"), 0);
        let front = Front::at(address, way).expect("a free port");
        Self { world, front, certificate: authority.file() }
    }

    fn server(&self, resolver: &Resolver) -> Server {
        let base = format!("https://{NAME}:{}", self.front.port());
        let mut variables = vec![
            ("WX_API_BASE", base.as_str()),
            ("WX_TIMEOUT_MS", "3000"),
            ("SSL_CERT_FILE", self.certificate.path()),
        ];
        variables.extend(resolver.variables());
        self.world.server_with(&variables)
    }

    async fn log_in(&self, page: &Client) -> Duration {
        let answer = page.post_code(&self.world.wechat.login("alice")).await;
        answer.assert_ok();
        answer.elapsed
    }

    async fn is_refused(&self, page: &Client) {
        let refused = page.post_code(&self.world.wechat.login("alice")).await;
        refused.assert_error(502, 50200, "wechat_error", false);
        assert_eq!(refused.header("retry-after"), Some("1"), "nothing is consumed");
    }
}

#[actix_rt::test]
async fn a_resolver_that_knows_or_answers_one_family_only_costs_a_moment() {
    let world = World::new();
    let wechat = Named::start(&world);
    for answers in [
        "4 0 127.0.0.1\n6 0",
        "4 0 127.0.0.1\n6 0 fail",
        "4 0 127.0.0.1\n6 60000 ::1",
        "4 200 127.0.0.1\n6 0 fail",
        "4 200 127.0.0.1\n6 0 ::1",
    ] {
        let resolver = Resolver::answering(answers);
        let server = wechat.server(&resolver);
        let elapsed = wechat.log_in(&server.client()).await;
        assert!(elapsed < A_MOMENT, "{answers}: {elapsed:?}");
    }
}

#[actix_rt::test]
async fn a_name_that_does_not_resolve_consumes_nothing() {
    let world = World::new();
    let wechat = Named::start(&world);
    for answers in ["4 0\n6 0", "4 0 fail\n6 0 fail", "4 60000 127.0.0.1\n6 60000"] {
        let resolver = Resolver::answering(answers);
        let server = wechat.server(&resolver);
        let page = server.client();

        wechat.is_refused(&page).await;

        server.wait_for_line("cannot connect to WeChat: its name");
        let is_silent = answers.contains("60000");
        if !is_silent {
            resolver.answer("4 0 127.0.0.1\n6 0");
            wechat.log_in(&page).await;
        }
    }
    assert_eq!(wechat.front.accepted(), 2, "one for each that resolved in the end");
}

#[actix_rt::test]
async fn a_name_that_resolves_late_is_waited_for_within_the_budget() {
    let world = World::new();
    let wechat = Named::start(&world);
    let resolver = Resolver::answering("4 700 127.0.0.1\n6 700");
    wechat.log_in(&wechat.server(&resolver).client()).await;
}

#[actix_rt::test]
async fn the_last_good_answer_serves_while_the_resolver_is_silent_or_fails() {
    let world = World::new();
    for trouble in ["4 60000\n6 60000", "4 0 fail\n6 0 fail"] {
        let wechat = Named::start(&world);
        let resolver = Resolver::answering("4 0 127.0.0.1\n6 0");
        let server = wechat.server(&resolver);
        let page = server.client();
        wechat.log_in(&page).await;

        resolver.answer(trouble);
        // Where no address serves, the resolver is asked again.
        wechat.front.die();
        wechat.is_refused(&page).await;
        wechat.front.revive();

        for _ in 0..3 {
            let elapsed = wechat.log_in(&page).await;
            assert!(elapsed < A_MOMENT, "{trouble}: {elapsed:?}");
        }
    }
}

#[actix_rt::test]
async fn a_name_that_moved_is_followed_once_its_old_address_does_not_serve() {
    let world = World::new();
    let wechat = Named::start(&world);
    let resolver = Resolver::answering("4 0 127.0.0.99\n6 0");
    let server = wechat.server(&resolver);
    let page = server.client();
    wechat.is_refused(&page).await;

    resolver.answer("4 0 127.0.0.1\n6 0");

    wechat.log_in(&page).await;
}
