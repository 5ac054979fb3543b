//! What WeChat says, to whom it is of use: the page, the log, the metrics, doctor, the documentation.

use wxauth::wechat::{Class, ERRCODES};
use wxauth_sandbox::Fault;

use crate::harness::{METRICS, Reader, World};

const DOCUMENTATION: &str = include_str!("../../../docs/wechat.md");

#[actix_rt::test]
async fn every_errcode_reaches_the_page_the_log_and_the_metrics() {
    let world = World::new();
    for row in &ERRCODES {
        let server =
            world.server_with(&[METRICS, ("LOGIN_GRACE_MS", "0"), ("WX_TIMEOUT_MS", "500")]);
        let (status, number, error, relogin, level) = match row.class {
            Class::Code => (401, 40102, "code_rejected", true, " INFO "),
            Class::User => (403, 40300, "user_blocked", false, " INFO "),
            Class::Rate => (429, 42900, "rate_limited", false, ""),
            Class::Quota => (429, 42901, "quota_exhausted", false, " ERROR "),
            Class::Operator => (502, 50201, "wechat_misconfigured", false, " ERROR "),
            Class::Busy | Class::Unusable => (502, 50200, "wechat_error", false, ""),
        };
        world.wechat.fail_next(Fault::Errcode(row.name.parse().expect("a number")), 100);
        let answer = server.client().post_code(&world.wechat.login("alice")).await;
        world.wechat.clear_faults();

        answer.assert_error(status, number, error, relogin);
        let line = server.wait_for_line(&format!("WeChat: errcode {}, {}", row.name, row.meaning));
        assert!(line.contains(row.advice) && line.contains(level), "{line}");
        assert!(line.contains("trace id: ") && !line.contains("trace id: none"), "{line}");
        let series = format!(r#"wxauth_wechat_attempts_total{{result="{}"}}"#, row.name);
        let counted = Reader::value(&Reader::of(&server).text().await, &series);
        assert!(counted >= 1.0, "{series} is {counted}");
    }
}

#[actix_rt::test]
async fn an_address_that_is_not_on_the_allow_list_is_shown() {
    let world = World::new();
    let server = world.server();
    world.wechat.fail_next(Fault::Errcode(40164), 1);
    server.client().post_code(&world.wechat.login("alice")).await;
    server.wait_for_line("WeChat saw 203.0.113.7");
    assert!(!server.log().contains("whitelist"), "nothing else of errmsg is passed on");
}

#[actix_rt::test]
async fn an_errcode_that_nobody_knows_is_told_once_a_minute_with_its_number() {
    let world = World::new();
    let server = world.server();
    let page = server.client();
    for errcode in [47001, 47001, 47002] {
        world.wechat.fail_next(Fault::Errcode(errcode), 1);
        let answer = page.post_code(&world.wechat.login("alice")).await;
        answer.assert_error(502, 50200, "wechat_error", false);
    }
    let log = server.log();
    let errors: Vec<_> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
    assert_eq!(errors.len(), 1, "{log}");
    assert!(errors[0].contains("errcode 47001, not known"), "{log}");
}

#[test]
fn the_documentation_lists_every_errcode_as_the_table_has_it() {
    let rows = DOCUMENTATION.lines().filter(|line| line.starts_with("| "));
    let rows: Vec<Vec<_>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
    let is_errcode = |row: &&Vec<&str>| row[1].parse::<i64>().is_ok();
    let listed: Vec<_> =
        rows.iter().filter(is_errcode).map(|row| (row[1], row[3], row[4])).collect();
    let table: Vec<_> = ERRCODES.iter().map(|row| (row.name, row.meaning, row.advice)).collect();
    assert_eq!(listed, table);
    for row in rows.iter().filter(is_errcode) {
        let class = ERRCODES.iter().find(|errcode| errcode.name == row[1]).expect(row[1]).class;
        let answer = match class {
            Class::Code => "`code_rejected`",
            Class::User => "`user_blocked`",
            Class::Rate => "`rate_limited`",
            Class::Quota => "`quota_exhausted`",
            Class::Operator => "`wechat_misconfigured`",
            Class::Busy | Class::Unusable => "`wechat_error`",
        };
        assert_eq!(row[2], answer, "{}", row[1]);
    }
}
