//! Several hosts of WeChat's, in order of preference.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use wxauth_sandbox::{Fault, Host};

use crate::harness::{Authority, Front, METRICS, Reader, Way, World, own_loopback};

/// A few logins a second are enough to show that none is lost.
const PACE: Duration = Duration::from_millis(20);
/// It is left out for 30 s.
const COMES_BACK: Duration = Duration::from_secs(90);

fn bases(hosts: &[&Host]) -> String {
    hosts.iter().map(|host| host.base_url()).collect::<Vec<_>>().join(", ")
}

fn attempts(host: &Host, result: &str) -> String {
    let base = host.base_url();
    format!(r#"wxauth_wechat_host_attempts_total{{host="{base}",result="{result}"}}"#)
}

fn left_out(host: &Host) -> String {
    format!(r#"wxauth_wechat_host_left_out{{host="{}"}}"#, host.base_url())
}

#[actix_rt::test]
async fn the_next_host_is_asked_only_where_nothing_was_consumed() {
    let world = World::new();
    let first = world.wechat.first_host();
    let second = world.wechat.add_host("127.0.0.1:0").expect("a free port");
    let bases = bases(&[&first, &second]);
    let server = world.server_with(&[METRICS, ("WX_API_BASE", &bases)]);
    let page = server.client();

    page.log_in(&world, "alice").await;
    assert_eq!((first.exchanges(), second.exchanges()), (1, 0), "the first is preferred");
    let code = world.wechat.login("bob");
    first.fail_next(Fault::LostAnswer, 1);
    page.post_code(&code).await.assert_error(502, 50200, "wechat_error", false);
    assert_eq!(world.wechat.exchanges_of(&code), 1, "the code may be consumed");
    page.log_in(&world, "carol").await;
    assert_eq!((first.exchanges(), second.exchanges()), (2, 1), "one that failed is left out");

    second.stop();
    page.log_in(&world, "dave").await;
    assert_eq!(first.exchanges(), 3, "where all are left out, it is the first");

    server.wait_for_line(&format!("WeChat's host {} is left out", first.base_url()));
    server.wait_for_line(&format!("WeChat's host {} serves again", first.base_url()));
    let expected = [
        (attempts(&first, "answered"), 2),
        (attempts(&first, "failed"), 1),
        (attempts(&second, "answered"), 1),
        (attempts(&second, "failed"), 1),
        (left_out(&first), 0),
        (left_out(&second), 1),
    ];
    let expected: Vec<_> = expected.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    Reader::of(&server).assert(&expected).await;
}

#[actix_rt::test]
async fn hosts_that_fail_in_any_way_are_left_out_and_tell_it_once() {
    let world = World::new();
    let first = world.wechat.first_host();
    let second = world.wechat.add_host("127.0.0.1:0").expect("a free port");
    let bases = bases(&[&first, &second]);
    for fault in [Fault::ServerError, Fault::Html, Fault::Reset, Fault::Hang] {
        let server = world.server_with(&[("WX_API_BASE", &bases), ("WX_TIMEOUT_MS", "1000")]);
        let page = server.client();
        let before = second.exchanges();
        first.fail_next(fault, 1);
        assert_ne!(page.post_code(&world.wechat.login("alice")).await.status, 200, "{fault:?}");

        for _ in 0..3 {
            page.log_in(&world, "alice").await;
        }

        assert_eq!(second.exchanges() - before, 3, "{fault:?}");
        assert_eq!(server.log().matches("is left out").count(), 1, "{}", server.log());
    }
    for errcode in [-1, 40029, 45011, 40125, 47001] {
        let server = world.server_with(&[("WX_API_BASE", &bases), ("LOGIN_GRACE_MS", "0")]);
        first.fail_next(Fault::Errcode(errcode), 1);
        server.client().post_code(&world.wechat.login("alice")).await;
        assert!(!server.log().contains("is left out"), "a host that answers is well: {errcode}");
    }
}

#[actix_rt::test]
async fn a_host_that_dies_under_load_and_comes_back_loses_no_login() {
    let world = World::with_rate_limit(None);
    let ours = own_loopback(1);
    let authority = Authority::for_name(&ours.to_string());
    let (file, config) = (authority.file(), authority.config());
    let hosts = [
        world.wechat.first_host(),
        world.wechat.add_host("127.0.0.1:0").expect("a free port"),
        world.wechat.add_host("127.0.0.1:0").expect("a free port"),
    ];
    let fronts = hosts.each_ref().map(|host| {
        let sandbox = host.base_url().trim_start_matches("http://").parse().expect("an address");
        let way = Way::To(sandbox, Arc::clone(&config));
        Front::at((ours, 0).into(), way).expect("a free port")
    });
    let bases = fronts.each_ref().map(|front| format!("https://{ours}:{}", front.port()));
    let base = bases.join(",");
    let variables = [("WX_API_BASE", base.as_str()), ("SSL_CERT_FILE", file.path())];
    let server = world.server_with(&variables);
    let (answered, is_over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let pages = (0..4).map(|number| {
        let (page, wechat) = (server.client(), world.wechat.clone());
        let (answered, is_over) = (Arc::clone(&answered), Arc::clone(&is_over));
        actix_rt::spawn(async move {
            while !is_over.load(Ordering::SeqCst) {
                let code = wechat.login(&format!("user{number}"));
                page.post_code(&code).await.assert_ok();
                assert_eq!(wechat.exchanges_of(&code), 1, "none is sent twice");
                answered.fetch_add(1, Ordering::SeqCst);
                actix_rt::time::sleep(PACE).await;
            }
        })
    });
    let pages: Vec<_> = pages.collect();
    let go_on = async |count: usize| {
        let goal = answered.load(Ordering::SeqCst) + count;
        while answered.load(Ordering::SeqCst) < goal {
            assert!(pages.iter().all(|page| !page.is_finished()), "a login was lost");
            actix_rt::time::sleep(PACE).await;
        }
    };

    go_on(20).await;
    fronts[0].die();
    let before = hosts[0].exchanges();
    go_on(20).await;
    fronts[0].revive();
    let deadline = Instant::now() + COMES_BACK;
    while hosts[0].exchanges() < before + 20 {
        assert!(Instant::now() < deadline, "it is not preferred again");
        go_on(1).await;
    }
    is_over.store(true, Ordering::SeqCst);
    for page in pages {
        page.await.expect("no login was lost");
    }

    assert!(hosts[1].exchanges() > 0, "the next one served meanwhile");
    assert_eq!(world.wechat.calls().total, answered.load(Ordering::SeqCst) as u64);
}
