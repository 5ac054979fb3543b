//! How old keys were when they opened data: what admins read after a week of traffic.

use crate::harness::World;

const AGES: &str = "CONCAT_WS(' ', outcome, place, age_below, issued_age_below, SUM(decryptions))";
const BY_AGE: &str = "FROM key_ages WHERE day = UTC_DATE()
    GROUP BY outcome, place, age_below, issued_age_below ORDER BY 1";

#[actix_rt::test]
async fn every_decryption_is_counted_by_place_and_age_over_all_processes() {
    let world = World::new();
    // Long enough for a second look, which must not try the same keys again.
    let grace = ("LOGIN_GRACE_MS", "200");
    let servers = [world.server_with(&[grace]), world.server_with(&[grace])];
    let openid = servers[0].client().log_in(&world, "alice").await;
    let old = world.wechat.phone("alice");
    // The first key: seen two hours ago, brought again one hour ago.
    world.database.age_keys(3_600);
    servers[0].client().log_in(&world, "alice").await;
    world.database.age_keys(3_601);
    servers[1].client().log_in_rotating(&world, "alice").await;
    let foreign = wxauth_sandbox::encrypt("AAAAAAAAAAAAAAAAAAAAAA==", b"{}");

    for server in &servers {
        let page = server.client();
        page.post_phone(&openid, &old).await.assert_ok();
        page.post_phone(&openid, &world.wechat.phone("alice")).await.assert_ok();
    }
    servers[0].client().post_phone(&openid, &old).await.assert_ok();
    servers[1].client().post_phone(&openid, &foreign).await;
    for server in servers {
        server.signal("TERM");
        let (status, log) = server.wait();
        assert!(status.success(), "{log}");
    }

    let counted: Vec<_> = world.database.column(AGES, BY_AGE).into_iter().flatten().collect();
    assert_eq!(counted, ["failed 2 60 60 1", "opened 1 60 60 2", "opened 2 10800 10800 3"]);
}
