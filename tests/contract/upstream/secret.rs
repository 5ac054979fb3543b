//! The app secret is reset in WeChat's console, and its file changed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::harness::{Server, TemporaryFile, World};

const NEW: &str = "canary5ecret00000000000000000000";

fn server_with_file(world: &World, file: &TemporaryFile) -> Server {
    let variables: Vec<_> =
        world.variables().into_iter().filter(|(name, _)| *name != "WX_SECRET").collect();
    Server::start(&variables, &[("WX_SECRET_FILE", file.path())])
}

#[actix_rt::test]
async fn a_secret_that_changes_under_load_fails_logins_for_a_second_at_most() {
    let world = World::with_rate_limit(None);
    let file = TemporaryFile::new("secret", world.wechat.secret());
    let server = server_with_file(&world, &file);
    let is_over = Arc::new(AtomicBool::new(false));
    let pages = (0..4).map(|number| {
        let (page, wechat) = (server.client(), world.wechat.clone());
        let is_over = Arc::clone(&is_over);
        actix_rt::spawn(async move {
            let mut failed = Vec::new();
            while !is_over.load(Ordering::SeqCst) {
                let answer = page.post_code(&wechat.login(&format!("user{number}"))).await;
                if answer.status == 502 {
                    answer.assert_error(502, 50201, "wechat_misconfigured", false);
                    failed.push(Instant::now());
                } else {
                    answer.assert_ok();
                }
            }
            failed
        })
    });
    let pages: Vec<_> = pages.collect();
    world.wechat.wait_for_calls(20).await;

    world.wechat.set_secret(NEW);
    server.line("errcode 40125").await;
    std::fs::write(file.path(), format!("{NEW}\n")).expect("the file can be written");
    let changed = Instant::now();
    server.line("WX_SECRET_FILE holds another secret").await;
    let noticed = changed.elapsed();
    world.wechat.wait_for_calls(world.wechat.calls().total + 20).await;
    is_over.store(true, Ordering::SeqCst);

    // The file is looked at once a second while WeChat refuses the secret.
    assert!(noticed < Duration::from_secs(3), "{noticed:?}");
    for page in pages {
        let failed = page.await.expect("nothing else failed");
        let late = failed.iter().filter(|at| **at > changed + noticed + Duration::from_secs(1));
        assert_eq!(late.count(), 0, "once it is noticed, nothing fails");
    }
    assert_eq!(server.log().matches("holds another secret").count(), 1);
    assert!(!server.log().contains("canary"), "the secret is not told");
}

#[actix_rt::test]
async fn a_secret_that_changed_before_wechat_refuses_the_old_one_fails_no_login() {
    let world = World::new();
    let file = TemporaryFile::new("secret", world.wechat.secret());
    let server = server_with_file(&world, &file);
    let page = server.client();
    page.log_in(&world, "alice").await;

    world.wechat.set_secret(NEW);
    std::fs::write(file.path(), NEW).expect("the file can be written");

    page.log_in(&world, "alice").await;
}

#[actix_rt::test]
async fn sighup_reads_the_secret_again_and_ends_nothing() {
    let world = World::new();
    let file = TemporaryFile::new("secret", world.wechat.secret());
    let server = server_with_file(&world, &file);
    let page = server.client();
    server.signal("HUP");
    server.line("WX_SECRET_FILE holds the secret that is in use").await;

    std::fs::write(file.path(), "").expect("the file can be written");
    server.signal("HUP");
    server.line("the secret that is in use stays").await;
    page.log_in(&world, "alice").await;

    world.wechat.set_secret(NEW);
    std::fs::write(file.path(), NEW).expect("the file can be written");
    server.signal("HUP");
    server.line("WX_SECRET_FILE holds another secret").await;
    page.log_in(&world, "alice").await;
    assert_eq!(world.wechat.calls().by_errcode.len(), 0, "the old one was not tried");

    let by_variable = world.server_with(&[("WX_SECRET", NEW)]);
    by_variable.signal("HUP");
    by_variable.line("WX_SECRET is in the environment").await;
    by_variable.client().log_in(&world, "alice").await;
}
