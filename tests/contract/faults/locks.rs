//! Somebody locks the whole server, as a backup does.

use std::slice;

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use wxauth_sandbox::EncryptedData;

use super::mariadb::Mariadb;
use crate::harness::{Answer, Client, Database, World};

/// As many as the server has connections, so that a wave of writes takes every one that may write.
const POOL_SIZE: usize = 64;
/// Far more requests than one statement serves.
const CROWD: usize = 2_000;

/// A user's openid, and what their phone encrypted.
type Tap = (String, EncryptedData);

/// Posts all of these at the same time.
async fn post_together(page: &Client, taps: &[Tap]) -> Vec<Answer> {
    let post = |(openid, data): &Tap| {
        let (page, openid, data) = (page.clone(), openid.clone(), data.clone());
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    };
    let taps: Vec<_> = taps.iter().map(post).collect();
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
    let mut first_phones = Vec::new();
    for number in 0..2 * POOL_SIZE {
        let name = format!("user{number}");
        let openid = page.log_in(&world, &name).await;
        first_phones.push((openid, world.wechat.phone(&name)));
    }
    let stored = (page.log_in(&world, "alice").await, world.wechat.phone("alice"));
    post_together(&page, slice::from_ref(&stored)).await[0].assert_ok();

    let mut locking = MysqlConnection::establish(world.database.url()).expect("it answers");
    locking.batch_execute("FLUSH TABLES WITH READ LOCK").expect("it answers");
    // First phones are written: they wait for the lock, and are refused.
    for taps in first_phones.chunks(POOL_SIZE) {
        for answer in post_together(&page, taps).await {
            answer.assert_error(503, 50300, "database_unavailable", false);
        }
        // What is stored already is only read.
        post_together(&page, slice::from_ref(&stored)).await[0].assert_ok();
    }
    post_together(&page, &vec![stored.clone(); CROWD]).await;
    drop(locking);

    post_together(&page, slice::from_ref(&stored)).await[0].assert_ok();
    for answer in post_together(&page, &first_phones).await {
        answer.assert_ok();
    }
}
