//! The database, or the network before it, says nothing, and closes nothing.

use std::thread;
use std::time::Duration;

use super::mariadb::Mariadb;
use super::scene::Scene;
use crate::harness::{Database, World};

/// Longer than any request may wait.
const FROZEN: Duration = Duration::from_secs(10);
/// The contract's 30 s, and what a loaded machine may add.
const LONGEST_STOP: Duration = Duration::from_secs(40);

#[actix_rt::test]
async fn a_frozen_database_is_survived() {
    let mariadb = Mariadb::start(&[]);
    let scene = Scene::on(&mariadb);

    mariadb.freeze();
    thread::sleep(FROZEN);
    mariadb.thaw();

    scene.assert_next_requests_succeed().await;
    assert_ne!(scene.assert_unharmed(), 0, "the database was frozen");
}

#[actix_rt::test]
async fn a_database_that_cannot_be_reached_and_resets_nothing_is_survived() {
    let (scene, relay) = Scene::behind_a_relay();

    relay.swallow();
    // One for every page: also those who find the connections given up.
    scene.load.wait_for_refused(24);
    relay.mend();
    // Connections that the silence holds keep their turns until their deadline.
    scene.load.wait_for_acknowledged(1);

    scene.assert_next_requests_succeed().await;
    // The system gives dead sockets up in the end.
    relay.cut();
    relay.mend();
    scene.assert_unharmed();
}

#[actix_rt::test]
async fn a_listener_that_accepts_and_never_speaks_is_survived() {
    let (scene, relay) = Scene::behind_a_relay();

    relay.fall_mute();
    scene.load.wait_for_refused(24);
    relay.mend();

    scene.assert_next_requests_succeed().await;
    relay.cut();
    relay.mend();
    scene.assert_unharmed();
}

#[actix_rt::test]
async fn a_frozen_database_does_not_keep_the_server_from_ending() {
    let mariadb = Mariadb::start(&[]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    let server = world.server();
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    // Leaves a count that is written at the end.
    page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();

    mariadb.freeze();
    server.signal("TERM");
    let (status, log) = server.wait_at_most(LONGEST_STOP);
    mariadb.thaw();

    assert_eq!(status.and_then(|status| status.code()), Some(0), "{log}");
}
