//! Somebody locks the whole server, as a backup does.

use std::slice;

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::mariadb::Mariadb;
use crate::harness::{Answer, Client, Database, World};

/// As many as the server has connections, so that a wave of writes takes every one that may write.
const POOL_SIZE: usize = 64;
/// Far more requests than one statement serves.
const CROWD: usize = 2_000;

/// Posts the phones of these users at the same time.
async fn tap_together(page: &Client, world: &World, users: &[(String, String)]) -> Vec<Answer> {
    let tap = |(name, openid): &(String, String)| {
        let (page, openid) = (page.clone(), openid.clone());
        let data = world.wechat.phone(name);
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    };
    let taps: Vec<_> = users.iter().map(tap).collect();
    let mut answers = Vec::new();
    for tap in taps {
        answers.push(tap.await.expect("no tap panics"));
    }
    answers
}

#[actix_rt::test]
async fn a_lock_on_the_whole_server_under_load_leaves_nobody_refused_afterwards() {
    let mariadb = Mariadb::start(&[]);
    let world = World::on(Database::that_dies_with(&mariadb.url()));
    let server = world.server_with(&[("DATABASE_POOL_SIZE", &POOL_SIZE.to_string())]);
    let page = server.client();
    let mut users = Vec::new();
    for number in 0..2 * POOL_SIZE {
        let name = format!("user{number}");
        users.push((name.clone(), page.log_in(&world, &name).await));
    }
    let alice = ("alice".to_owned(), page.log_in(&world, "alice").await);
    tap_together(&page, &world, slice::from_ref(&alice)).await[0].assert_ok();

    let mut locking = MysqlConnection::establish(world.database.url()).expect("it answers");
    locking.batch_execute("FLUSH TABLES WITH READ LOCK").expect("it answers");
    // First phones, which are written: they wait for the lock, and are refused.
    for users in users.chunks(POOL_SIZE) {
        for answer in tap_together(&page, &world, users).await {
            answer.assert_error(503, 50300, "database_unavailable", false);
        }
        // A phone that is stored already is only read.
        tap_together(&page, &world, slice::from_ref(&alice)).await[0].assert_ok();
    }
    tap_together(&page, &world, &vec![alice.clone(); CROWD]).await;
    drop(locking);

    tap_together(&page, &world, slice::from_ref(&alice)).await[0].assert_ok();
    for answer in tap_together(&page, &world, &users).await {
        answer.assert_ok();
    }
}
