//! Codes as the database keeps them: every process finds one there for its five minutes.

use crate::harness::World;

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
