//! Connections to WeChat are kept alive, and may be dead when the next login needs one.

use wxauth_sandbox::Fault;

use crate::harness::{Client, Relay, Server, World};

/// Connections that are kept, as so many exchanges were under way at once.
const KEPT: usize = 8;

/// A server whose WeChat is behind a network that a test can harm.
fn server_behind_a_relay(world: &World) -> (Server, Relay) {
    let relay = Relay::to(world.wechat.base_url().trim_start_matches("http://"));
    let base = format!("http://{}", relay.address());
    (world.server_with(&[("WX_API_BASE", &base), ("WX_TIMEOUT_MS", "1000")]), relay)
}

async fn keep_connections(world: &World, page: &Client) {
    world.wechat.hold();
    let logins: Vec<_> = (0..KEPT)
        .map(|number| {
            let (page, code) = (page.clone(), world.wechat.login(&format!("user{number}")));
            actix_rt::spawn(async move { page.post_code(&code).await })
        })
        .collect();
    world.wechat.wait_for_waiting(KEPT).await;
    world.wechat.release();
    for login in logins {
        login.await.expect("no login panics").assert_ok();
    }
}

#[actix_rt::test]
async fn kept_connections_that_wechat_closed_cost_no_login() {
    let world = World::new();
    let (server, relay) = server_behind_a_relay(&world);
    let page = server.client();

    for name in ["alice", "bob"] {
        keep_connections(&world, &page).await;
        relay.cut();
        relay.mend();
        page.log_in(&world, name).await;
    }
}

#[actix_rt::test]
async fn kept_connections_that_all_fall_silent_cost_one_login_not_one_each() {
    let world = World::new();
    let (server, relay) = server_behind_a_relay(&world);
    let page = server.client();
    keep_connections(&world, &page).await;
    let code = world.wechat.login("alice");

    relay.swallow();
    page.post_code(&code).await.assert_error(504, 50400, "wechat_timeout", false);
    relay.mend();

    page.post_code(&code).await.assert_ok();
    assert_eq!(world.wechat.exchanges_of(&code), 1, "the first never arrived");
}

#[actix_rt::test]
async fn a_login_that_gets_no_turn_in_time_consumes_nothing_and_may_come_again() {
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[("WX_TIMEOUT_MS", "4000")]);
    let page = server.client();
    world.wechat.hold();

    // More than there are connections, 384.
    let posts = (0..450).map(|number| {
        let (page, code) = (page.clone(), world.wechat.login(&format!("user{number}")));
        actix_rt::spawn(async move { (page.post_code(&code).await, code) })
    });
    let mut queued = Vec::new();
    for post in posts.collect::<Vec<_>>() {
        let (answer, code) = post.await.expect("no post panics");
        if answer.status == 504 {
            continue;
        }
        answer.assert_error(503, 50301, "busy", false);
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(world.wechat.exchanges_of(&code), 0, "it is not consumed");
        queued.push(code);
    }
    world.wechat.release();

    assert!(!queued.is_empty() && queued.len() <= 66, "{}", queued.len());
    for code in queued.iter().take(3) {
        page.post_code(code).await.assert_ok();
    }
}

#[actix_rt::test]
async fn a_whole_answer_that_nobody_can_use_costs_no_connection() {
    let world = World::new();
    let (server, relay) = server_behind_a_relay(&world);
    let page = server.client();
    page.log_in(&world, "alice").await;

    for fault in [Fault::ServerError, Fault::Redirect, Fault::Html] {
        world.wechat.fail_next(fault, 1);
        let code = world.wechat.login("alice");
        page.post_code(&code).await.assert_error(502, 50200, "wechat_error", false);
    }
    page.log_in(&world, "alice").await;

    assert_eq!(relay.connections(), 1, "each exchange went out on the first");
}
