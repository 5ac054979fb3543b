//! Several addresses behind WeChat's name, one of them dead.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;

use crate::harness::{
    Authority, Client, Front, Hole, METRICS, NAME, Reader, Resolver, Way, World, own_loopback,
};

/// Each of them on a connection of its own.
const LOGINS: usize = 60;
const AT_ONCE: usize = 4;
/// Far below the budget of 5 s, far above what a dead address costs: some 300 ms, once.
const A_MOMENT: Duration = Duration::from_secs(2);

/// How an address can be dead.
#[derive(Debug, Clone, Copy)]
enum Death {
    Drops,
    Refuses,
    Resets,
    IsSilent,
    SpeaksNoTls,
    HasAnothersCertificate,
}

const DEATHS: [Death; 6] = [
    Death::Drops,
    Death::Refuses,
    Death::Resets,
    Death::IsSilent,
    Death::SpeaksNoTls,
    Death::HasAnothersCertificate,
];

/// What stands at a dead address, as long as it is kept.
enum Grave {
    Nothing,
    Hole { _hole: Hole },
    Front { _front: Front },
}

impl Death {
    fn at(self, address: SocketAddr) -> std::io::Result<Grave> {
        let front = |way| Ok(Grave::Front { _front: Front::at(address, way)? });
        match self {
            Self::Drops => Ok(Grave::Hole { _hole: Hole::at(address)? }),
            Self::Refuses => Ok(Grave::Nothing),
            Self::Resets => front(Way::Reset),
            Self::IsSilent => front(Way::Silence),
            Self::SpeaksNoTls => front(Way::Garbage),
            Self::HasAnothersCertificate => {
                let another = Authority::for_name("another.test").config();
                front(Way::To(address, another))
            }
        }
    }
}

/// A living address and a dead one, on one port.
fn pair(
    living: IpAddr,
    dead: IpAddr,
    death: Death,
    sandbox: SocketAddr,
    config: &Arc<ServerConfig>,
) -> (Front, Grave) {
    // Another test may have the port at the dead address.
    for _ in 0..20 {
        let way = Way::To(sandbox, Arc::clone(config));
        let front = Front::at(SocketAddr::new(living, 0), way).expect("a free port");
        if let Ok(grave) = death.at(SocketAddr::new(dead, front.port())) {
            return (front, grave);
        }
    }
    panic!("no port is free at both addresses");
}

/// The slowest of so many logins, all of which are answered 200.
async fn slowest_login(world: &World, page: &Client) -> Duration {
    let logins = (0..AT_ONCE).map(|number| {
        let (page, wechat) = (page.clone(), world.wechat.clone());
        actix_rt::spawn(async move {
            let mut slowest = Duration::ZERO;
            for _ in 0..LOGINS / AT_ONCE {
                let answer = page.post_code(&wechat.login(&format!("user{number}"))).await;
                answer.assert_ok();
                slowest = slowest.max(answer.elapsed);
            }
            slowest
        })
    });
    let mut slowest = Duration::ZERO;
    for login in logins.collect::<Vec<_>>() {
        slowest = slowest.max(login.await.expect("no login panics"));
    }
    slowest
}

#[actix_rt::test]
async fn an_address_that_is_dead_in_any_way_costs_no_login() {
    let world = World::with_rate_limit(None);
    let sandbox =
        world.wechat.base_url().trim_start_matches("http://").parse().expect("an address");
    let authority = Authority::for_name(NAME);
    let (file, config) = (authority.file(), authority.config());
    let six = IpAddr::from(Ipv6Addr::LOCALHOST);
    for death in DEATHS {
        let (first, second) = (own_loopback(1), own_loopback(2));
        for (living, dead, answers) in [
            // IPv4 is tried first, so each family is the one that is dead, and comes first or last.
            (first, six, format!("4 0 {first}\n6 0 {six}")),
            (six, first, format!("4 0 {first}\n6 0 {six}")),
            (second, first, format!("4 0 {first} {second}\n6 0")),
        ] {
            let (front, _grave) = pair(living, dead, death, sandbox, &config);
            let resolver = Resolver::answering(&answers);
            let base = format!("https://{NAME}:{}", front.port());
            let mut variables =
                vec![METRICS, ("WX_API_BASE", &base), ("SSL_CERT_FILE", file.path())];
            variables.extend(resolver.variables());
            let server = world.server_with(&variables);

            let slowest = slowest_login(&world, &server.client()).await;

            assert!(slowest < A_MOMENT, "{death:?} at {dead}: {slowest:?}");
            assert!(front.accepted() >= LOGINS, "each login connected anew");
            let asked = [(r#"wxauth_wechat_attempts_total{result="ok"}"#, LOGINS as u32)];
            Reader::of(&server).assert(&asked).await;
        }
    }
    let calls = world.wechat.calls();
    assert_eq!((calls.total, calls.succeeded), (18 * LOGINS as u64, 18 * LOGINS as u64));
}

#[actix_rt::test]
async fn where_every_address_is_dead_nothing_is_consumed_and_the_page_may_come_again() {
    let world = World::new();
    let authority = Authority::for_name(NAME);
    let (file, config) = (authority.file(), authority.config());
    let sandbox =
        world.wechat.base_url().trim_start_matches("http://").parse().expect("an address");
    for death in DEATHS {
        let (living, dead) = (own_loopback(1), own_loopback(2));
        let (front, _grave) = pair(living, dead, death, sandbox, &config);
        let resolver = Resolver::answering(&format!("4 0 {dead}\n6 0"));
        let base = format!("https://{NAME}:{}", front.port());
        let mut variables = vec![
            ("WX_API_BASE", base.as_str()),
            ("SSL_CERT_FILE", file.path()),
            ("WX_TIMEOUT_MS", "1000"),
        ];
        variables.extend(resolver.variables());
        let server = world.server_with(&variables);
        let page = server.client();
        let code = world.wechat.login("alice");

        let refused = page.post_code(&code).await;

        refused.assert_error(502, 50200, "wechat_error", false);
        assert_eq!(refused.header("retry-after"), Some("1"), "{death:?}");
        server.wait_for_line("cannot connect to WeChat");

        resolver.answer(&format!("4 0 {dead} {living}\n6 0"));
        // On a machine that is busy, a second may be too short, which consumes nothing either.
        let mut answer = page.post_code(&code).await;
        for _ in 0..20 {
            if answer.status != 502 {
                break;
            }
            answer = page.post_code(&code).await;
        }
        answer.assert_ok();
    }
}

#[actix_rt::test]
async fn a_login_that_meets_a_dead_wechat_is_tried_until_it_lives_again() {
    let world = World::new();
    let authority = Authority::for_name(NAME);
    let (file, config) = (authority.file(), authority.config());
    let sandbox =
        world.wechat.base_url().trim_start_matches("http://").parse().expect("an address");
    let ours = own_loopback(1);
    let front = Front::at(SocketAddr::new(ours, 0), Way::To(sandbox, config)).expect("a free port");
    let resolver = Resolver::answering(&format!("4 0 {ours}\n6 0"));
    let base = format!("https://{NAME}:{}", front.port());
    let mut variables = vec![
        METRICS,
        ("WX_API_BASE", base.as_str()),
        ("SSL_CERT_FILE", file.path()),
        ("WX_TIMEOUT_MS", "20000"),
    ];
    variables.extend(resolver.variables());
    let server = world.server_with(&variables);
    let (page, reader) = (server.client(), Reader::of(&server));
    let code = world.wechat.login("alice");

    front.die();
    let posting = actix_rt::spawn(async move { page.post_code(&code).await });
    let tried = r#"wxauth_wechat_attempts_total{result="no_connection"}"#;
    while Reader::value(&reader.text().await, tried) < 2.0 {
        assert!(!posting.is_finished(), "it is tried for 20 s");
    }
    front.revive();

    posting.await.expect("the post does not panic").assert_ok();
}
