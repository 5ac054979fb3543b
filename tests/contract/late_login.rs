//! Data whose key is still on its way.

use std::time::{Duration, Instant};

use wxauth_sandbox::EncryptedData;

use crate::harness::{Client, METRICS, Reader, World, numbers};

const LONG_GRACE: (&str, &str) = ("LOGIN_GRACE_MS", "20000");
const LONGEST_GRACE: (&str, &str) = ("LOGIN_GRACE_MS", "30000");
/// An answer that takes this long was not ended by the login, but by the end of the grace.
const GRACE: Duration = Duration::from_secs(20);
const WAITING: &str = "waiting for a late login";

#[actix_rt::test]
async fn a_tap_that_overtakes_its_login_succeeds_when_the_login_arrives() {
    let world = World::new();
    let server = world.server_with(&[LONG_GRACE, ("RUST_LOG", "debug")]);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let code = world.wechat.login_rotating("alice");
    let data = world.wechat.phone("alice");

    world.wechat.hold();
    let (login_page, tap_page) = (page.clone(), page.clone());
    let login = actix_rt::spawn(async move { login_page.post_code(&code).await });
    world.wechat.wait_for_waiting(1).await;
    let tap = actix_rt::spawn(async move { tap_page.post_phone(&openid, &data).await });
    server.line(WAITING).await;
    world.wechat.release();

    login.await.expect("the login does not panic").assert_ok();
    let answer = tap.await.expect("the tap does not panic");
    answer.assert_ok();
    assert_eq!(answer.text("phoneNumber"), "13580006666");
    assert!(answer.elapsed < GRACE, "the login ends the wait");
    server.wait_for_line("late_login=rescued");
}

#[actix_rt::test]
async fn a_tap_is_rescued_by_a_login_that_reaches_another_process() {
    let world = World::new();
    let here = world.server_with(&[LONG_GRACE, ("RUST_LOG", "debug")]);
    let elsewhere = world.server();
    let openid = here.client().log_in(&world, "alice").await;
    let code = world.wechat.login_rotating("alice");
    let data = world.wechat.phone("alice");

    let page = here.client();
    let tap = actix_rt::spawn(async move { page.post_phone(&openid, &data).await });
    here.line(WAITING).await;
    elsewhere.client().post_code(&code).await.assert_ok();

    let answer = tap.await.expect("the tap does not panic");
    answer.assert_ok();
    assert!(answer.elapsed < GRACE, "the login ends the wait");
}

#[actix_rt::test]
async fn a_user_none_of_whose_keys_is_alive_is_rescued_too() {
    let world = World::new();
    let server = world.server_with(&[LONG_GRACE, ("RUST_LOG", "debug")]);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    world.database.age_keys(259_201);
    let code = world.wechat.login_rotating("alice");
    let data = world.wechat.phone("alice");

    let tap_page = page.clone();
    let tap = actix_rt::spawn(async move { tap_page.post_phone(&openid, &data).await });
    server.line(WAITING).await;
    page.post_code(&code).await.assert_ok();

    tap.await.expect("the tap does not panic").assert_ok();
}

#[actix_rt::test]
async fn a_key_that_was_tried_already_ends_no_wait() {
    let world = World::new();
    let server = world.server_with(&[("LOGIN_GRACE_MS", "1500"), ("RUST_LOG", "debug")]);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    let foreign = wxauth_sandbox::encrypt("AAAAAAAAAAAAAAAAAAAAAA==", b"{}");

    let tap_page = page.clone();
    let tap = actix_rt::spawn(async move { tap_page.post_phone(&openid, &foreign).await });
    server.line(WAITING).await;
    // WeChat keeps the key, so this login brings nothing new.
    page.log_in(&world, "alice").await;

    let answer = tap.await.expect("the tap does not panic");
    answer.assert_error(401, 40103, "decrypt_failed", true);
    assert!(answer.elapsed >= Duration::from_millis(1_500), "{:?}", answer.elapsed);
    let waits = server.log().matches(WAITING).count();
    assert_eq!(waits, 1, "nothing woke it, so that it did not look again and again");
}

#[actix_rt::test]
async fn no_failure_is_answered_before_the_grace_and_half_a_second_are_over() {
    let world = World::new();
    for (grace, at_least) in [("0", 500), ("100", 500), ("900", 900)] {
        let server = world.server_with(&[("LOGIN_GRACE_MS", grace)]);
        let page = server.client();
        let openid = page.log_in(&world, "alice").await;
        let foreign = wxauth_sandbox::encrypt("AAAAAAAAAAAAAAAAAAAAAA==", b"{}");

        let failed = page.post_phone(&openid, &foreign).await;

        failed.assert_error(401, 40103, "decrypt_failed", true);
        assert!(failed.elapsed >= Duration::from_millis(at_least), "{grace}: {:?}", failed.elapsed);

        world.database.age_keys(259_201);
        let expired = page.post_phone(&openid, &foreign).await;
        expired.assert_error(401, 40101, "session_expired", true);
        let grace = Duration::from_millis(grace.parse().expect("a number"));
        assert!(expired.elapsed >= grace, "{:?}", expired.elapsed);
    }
}

#[actix_rt::test]
async fn a_user_whom_the_database_does_not_know_yet_is_waited_for() {
    let world = World::new();
    let here = world.server_with(&[LONG_GRACE, ("RUST_LOG", "debug")]);
    let elsewhere = world.server();
    let code = world.wechat.login("alice");
    let (openid, data) = (world.wechat.openid("alice"), world.wechat.phone("alice"));

    let page = here.client();
    let tap = actix_rt::spawn(async move { page.post_phone(&openid, &data).await });
    here.line(WAITING).await;
    elsewhere.client().post_code(&code).await.assert_ok();

    let answer = tap.await.expect("the tap does not panic");
    answer.assert_ok();
    assert!(answer.elapsed < GRACE, "the login ends the wait");
    here.wait_for_line("late_login=rescued");
}

#[actix_rt::test]
async fn openids_that_nobody_knows_wait_in_a_room_of_their_own() {
    const ROOM: u32 = 512;
    let world = World::new();
    let server = world.server_with(&[LONGEST_GRACE, METRICS]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let openid = page.log_in(&world, "alice").await;
    let data = world.wechat.phone("alice");
    for number in 0..ROOM {
        let (page, data) = (page.clone(), data.clone());
        actix_rt::spawn(async move { page.post_phone(&format!("oNobody{number}"), &data).await });
    }
    reader.wait_for("wxauth_waiting_requests", ROOM).await;

    let begun = Instant::now();
    page.post_phone("oOneMore", &data).await.assert_error(401, 40100, "login_required", true);
    assert!(begun.elapsed() < GRACE, "it is told at once");

    // Who is known waits as ever.
    let code = world.wechat.login_rotating("alice");
    let (tap_page, data) = (page.clone(), world.wechat.phone("alice"));
    let tap = actix_rt::spawn(async move { tap_page.post_phone(&openid, &data).await });
    reader.wait_for("wxauth_waiting_requests", ROOM + 1).await;
    page.post_code(&code).await.assert_ok();
    tap.await.expect("the tap does not panic").assert_ok();
}

/// Users who logged in, whose next key is on its way, and what their phones encrypted with it.
async fn users_whose_key_is_late(
    world: &World,
    page: &Client,
    count: usize,
) -> Vec<(String, String, EncryptedData)> {
    let mut users = Vec::new();
    for number in 0..count {
        let user = format!("user{number}");
        let openid = page.log_in(world, &user).await;
        let code = world.wechat.login_rotating(&user);
        users.push((openid, code, world.wechat.phone(&user)));
    }
    users
}

/// More than one statement asks about.
#[actix_rt::test]
async fn however_many_wait_each_hears_what_another_process_has_stored() {
    const MANY: u32 = 150;
    let world = World::with_rate_limit(None);
    let (here, elsewhere) = (world.server_with(&[LONG_GRACE, METRICS]), world.server());
    let (page, reader) = (here.client(), Reader::of(&here));
    let users = users_whose_key_is_late(&world, &page, MANY as usize).await;
    let taps = users.iter().map(|(openid, _, data)| {
        let (page, openid, data) = (page.clone(), openid.clone(), data.clone());
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    });
    let posts = (1..=MANY).map(|number| {
        let (page, code) = (page.clone(), format!("code{number}"));
        actix_rt::spawn(async move { page.post_code(&code).await })
    });
    let waiting: Vec<_> = taps.chain(posts).collect();
    reader.wait_for("wxauth_waiting_requests", 2 * MANY).await;

    // Every second one's: the others stay.
    for (_, code, _) in users.iter().step_by(2) {
        elsewhere.client().post_code(code).await.assert_ok();
    }
    world.database.execute(&format!(
        "INSERT INTO further_codes (code_hash, openid, key_fingerprint, brought_at) \
         SELECT UNHEX(SHA2(CONCAT('code', number), 256)), openid, key_fingerprint, UTC_TIMESTAMP(3) \
         FROM {}, (SELECT openid, key_fingerprint FROM sessions LIMIT 1) AS a_key \
         WHERE number % 2 = 1",
        numbers(MANY)
    ));

    for answer in waiting.into_iter().step_by(2) {
        let answer = answer.await.expect("no request panics");
        answer.assert_ok();
        assert!(answer.elapsed < GRACE, "{:?}", answer.elapsed);
    }
}

/// Taps of one openid that may wait at once.
const SEATS_OF_ONE: usize = 16;

#[actix_rt::test]
async fn waiting_taps_hold_neither_the_one_connection_nor_a_thread() {
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[LONG_GRACE, ("DATABASE_POOL_SIZE", "1"), METRICS]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let users = users_whose_key_is_late(&world, &page, 40).await;
    let taps: Vec<_> = users
        .iter()
        .flat_map(|user| std::iter::repeat_n(user, SEATS_OF_ONE))
        .map(|(openid, _, data)| {
            let (page, openid, data) = (page.clone(), openid.clone(), data.clone());
            actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
        })
        .collect();
    reader.wait_for("wxauth_waiting_requests", taps.len() as u32).await;

    page.log_in(&world, "bob").await;
    for (_, code, _) in &users {
        page.post_code(code).await.assert_ok();
    }

    for tap in taps {
        tap.await.expect("no tap panics").assert_ok();
    }
}

#[actix_rt::test]
async fn one_openid_takes_no_more_than_its_seats() {
    let world = World::new();
    let server = world.server_with(&[LONGEST_GRACE, METRICS]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let users = users_whose_key_is_late(&world, &page, 1).await;
    let (openid, code, data) = &users[0];
    let tap = |openid: &String| {
        let (page, openid, data) = (page.clone(), openid.clone(), data.clone());
        actix_rt::spawn(async move { page.post_phone(&openid, &data).await })
    };
    let seated: Vec<_> = (0..SEATS_OF_ONE).map(|_| tap(openid)).collect();
    reader.wait_for("wxauth_waiting_requests", SEATS_OF_ONE as u32).await;

    let one_more = tap(openid).await.expect("the tap does not panic");
    one_more.assert_error(401, 40103, "decrypt_failed", true);
    assert!(one_more.elapsed < GRACE, "answered as if the grace were over");
    assert!(one_more.elapsed >= Duration::from_millis(500), "{:?}", one_more.elapsed);

    page.post_code(code).await.assert_ok();
    for tap in seated {
        tap.await.expect("no tap panics").assert_ok();
    }
}

#[actix_rt::test]
async fn more_waiting_taps_than_there_is_room_for_are_told_to_come_back() {
    const ROOM: usize = 2_048;
    let world = World::with_rate_limit(None);
    let server = world.server_with(&[LONGEST_GRACE, METRICS]);
    let (page, reader) = (server.client(), Reader::of(&server));
    let users = users_whose_key_is_late(&world, &page, ROOM / SEATS_OF_ONE + 1).await;
    let (last, seated) = users.split_last().expect("one more");
    for (index, (openid, _, data)) in seated.iter().enumerate() {
        for _ in 0..SEATS_OF_ONE {
            let (page, openid, data) = (page.clone(), openid.clone(), data.clone());
            actix_rt::spawn(async move { page.post_phone(&openid, &data).await });
        }
        let waiting = (index + 1) * SEATS_OF_ONE;
        reader.wait_for("wxauth_waiting_requests", waiting as u32).await;
    }

    page.post_phone(&last.0, &last.2).await.assert_error(503, 50301, "busy", false);
    page.log_in(&world, "bob").await;
}

#[actix_rt::test]
async fn a_user_with_more_keys_than_are_tried_waits_without_being_read_again_and_again() {
    const KEYS: u32 = 17;
    /// Before the wait and after it, and one for luck.
    const READS: f64 = 3.0;
    let ring_reads = r#"wxauth_store_batch_size_count{statement="key_ring"}"#;
    let world = World::new();
    let server = world.server_with(&[METRICS, ("LOGIN_GRACE_MS", "2000")]);
    let page = server.client();
    let openid = page.log_in(&world, "alice").await;
    world.database.execute(&format!(
        "INSERT INTO sessions (openid, key_fingerprint, session_key, code_hash, code_brought_at,
                               first_seen_at, issued_at, expires_at)
         SELECT openid, LPAD(number, 16, '0'), session_key, UNHEX(SHA2(number, 256)), code_brought_at,
                first_seen_at, issued_at, expires_at
         FROM sessions, {} WHERE number > 1",
        numbers(KEYS)
    ));
    let metrics = Reader::of(&server);
    let before = Reader::value(&metrics.text().await, ring_reads);

    world.wechat.login("bob");
    let foreign = world.wechat.phone("bob");
    page.post_phone(&openid, &foreign).await.assert_error(401, 40103, "decrypt_failed", true);

    let reads = Reader::value(&metrics.text().await, ring_reads) - before;
    assert!(reads <= READS, "{reads} reads of one ring");
}
