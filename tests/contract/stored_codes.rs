//! Codes as the database keeps them: every process finds one there for its five minutes.

use crate::harness::{METRICS, Reader, World};
use crate::joined_statements::{THREE_CONNECTIONS, names};

#[actix_rt::test]
async fn a_code_is_answered_from_a_row_for_its_five_minutes_only() {
    let world = World::new();
    let code = world.wechat.login("alice");
    world.server().client().post_code(&code).await.assert_ok();

    world.database.age_keys(290);
    world.server().client().post_code(&code).await.assert_ok();
    world.database.age_keys(20);
    let too_late = world.server().client().post_code(&code).await;

    too_late.assert_error(401, 40102, "code_rejected", true);
}

#[actix_rt::test]
async fn every_code_that_brought_the_same_key_is_answered_by_every_process() {
    let world = World::new();
    let here = world.server();
    let codes: Vec<_> = (0..4).map(|_| world.wechat.login("alice")).collect();
    let posts: Vec<_> = codes
        .iter()
        .map(|code| {
            let (page, code) = (here.client(), code.clone());
            actix_rt::spawn(async move { page.post_code(&code).await })
        })
        .collect();
    for post in posts {
        post.await.expect("no post panics").assert_ok();
    }
    assert_eq!(world.database.count("FROM sessions"), 1, "WeChat kept the key");

    let elsewhere = world.server();
    for code in &codes {
        let answer = elsewhere.client().post_code(code).await;
        answer.assert_ok();
        assert_eq!(answer.text("openid"), world.wechat.openid("alice"));
    }

    world.database.age_keys(301);
    let late = world.server();
    late.line("listening").await;
    for code in &codes {
        let answer = late.client().post_code(code).await;
        answer.assert_error(401, 40102, "code_rejected", true);
    }
}

/// As where another node of a cluster is ahead, or the clock was set back meanwhile.
#[actix_rt::test]
async fn a_code_that_comes_from_the_next_minute_is_found() {
    let world = World::new();
    let code = world.wechat.login("alice");
    world.server().client().post_code(&code).await.assert_ok();
    world.database.execute(
        "UPDATE sessions SET code_brought_at = code_brought_at + INTERVAL 50 SECOND,
                             code_minute = UNIX_TIMESTAMP() DIV 60 + 1",
    );

    world.server().client().post_code(&code).await.assert_ok();
}

#[actix_rt::test]
async fn the_next_login_after_five_minutes_takes_the_place_of_the_code() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    page.log_in(&world, "alice").await;
    world.database.age_keys(600);

    let code = world.wechat.login("alice");
    page.post_code(&code).await.assert_ok();

    let hash = format!("code_hash = UNHEX(SHA2('{code}', 256))");
    assert_eq!(world.database.value(&hash, "FROM sessions").as_deref(), Some("1"));
    assert_eq!(world.database.count("FROM further_codes"), 0);
    world.server().client().post_code(&code).await.assert_ok();
}

/// Anybody can make codes up, by the thousand: they are not to cost a statement each.
#[actix_rt::test]
async fn codes_that_gather_are_looked_up_by_one_statement_and_each_gets_its_own_answer() {
    let world = World::new();
    let here = world.server();
    let mut logins = Vec::new();
    // Twice each: the second code of a key has a place of its own.
    for name in names(15).iter().flat_map(|name| [name.clone(), name.clone()]) {
        let code = world.wechat.login(&name);
        here.client().post_code(&code).await.assert_ok();
        logins.push((code, world.wechat.openid(&name)));
    }
    let elsewhere = world.server_with(&[METRICS, THREE_CONNECTIONS, ("LOGIN_GRACE_MS", "0")]);
    let (page, reader) = (elsewhere.client(), Reader::of(&elsewhere));
    let post = |code: &str| {
        let (page, code) = (page.clone(), code.to_owned());
        actix_rt::spawn(async move { page.post_code(&code).await })
    };
    let lock = world.database.begin("LOCK TABLES sessions WRITE, further_codes WRITE");
    let mut made_up = Vec::new();
    for code in ["made-up-1", "made-up-2"] {
        made_up.push(post(code));
        let count = made_up.len() as u64;
        world.database.wait_for_statements("SELECT `sessions`.`code_hash`", count).await;
    }

    let together: Vec<_> = logins.iter().map(|(code, _)| post(code)).collect();
    made_up.push(post("made-up-3"));
    let count = together.len() as u32 + 1;
    reader.wait_for(r#"wxauth_store_waiting_requests{statement="code"}"#, count).await;
    drop(lock);

    for ((_, openid), answer) in logins.iter().zip(together) {
        let answer = answer.await.expect("no post panics");
        answer.assert_ok();
        assert_eq!(answer.text("openid"), openid.as_str());
    }
    for answer in made_up {
        answer.await.expect("no post panics").assert_error(401, 40102, "code_rejected", true);
    }
    let all = r#"wxauth_store_batch_size_count{statement="code"}"#;
    assert_eq!(Reader::value(&reader.text().await, all), 3.0);
}
