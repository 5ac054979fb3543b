//! What a dump of the database and its binary logs hold once secrets are on: no key and no code.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{A, SECRETS};
use crate::faults::mariadb::Mariadb;
use crate::harness::{Database, TemporaryFile, World};

#[actix_rt::test]
async fn a_dump_and_binary_logs_hold_no_key_and_no_code() {
    for format in ["ROW", "STATEMENT"] {
        let log = TemporaryFile::new("unused", "");
        let log_bin = format!("--log-bin={}", log.beside("binlog").display());
        let binlog_format = format!("--binlog-format={format}");
        let mariadb = Mariadb::start(&[&log_bin, "--server-id=1", &binlog_format]);
        let world = World::on(Database::that_dies_with(&mariadb.url()));
        let server = world.server_with(&[(SECRETS, A)]);
        let page = server.client();
        let mut canaries = Vec::new();
        for user in ["alice", "bob", "alice"] {
            let code = world.wechat.login_rotating(user);
            page.post_code(&code).await.assert_ok();
            let further = world.wechat.login(user);
            page.post_code(&further).await.assert_ok();
            let openid = world.wechat.openid(user);
            page.post_phone(&openid, &world.wechat.phone(user)).await.assert_ok();
            let key = world.wechat.session_key(user).expect("they logged in");
            let bytes = BASE64.decode(&key).expect("base64");
            canaries.extend([code.into_bytes(), further.into_bytes(), key.into_bytes(), bytes]);
        }
        let openid = world.wechat.openid("alice").into_bytes();

        for (place, bytes) in [("dump", dump(&world.database)), ("logs", logs(&log.beside("")))] {
            assert!(holds(&bytes, &openid), "{format}: the {place} are what they should be");
            for canary in &canaries {
                assert!(!holds(&bytes, canary), "{format}: {} in the {place}", canary.len());
            }
        }
    }
}

/// Every value of every table.
fn dump(database: &Database) -> Vec<u8> {
    let tables = database.column(
        "GROUP_CONCAT(CONCAT('IFNULL(', column_name, ', \"\")') SEPARATOR ', ')",
        "FROM information_schema.columns WHERE table_schema = DATABASE() GROUP BY table_name",
    );
    let names = database.column(
        "table_name",
        "FROM information_schema.columns WHERE table_schema = DATABASE() GROUP BY table_name",
    );
    let mut text = String::new();
    for (columns, name) in tables.iter().flatten().zip(names.iter().flatten()) {
        let rows =
            database.column(&format!("HEX(CONCAT_WS('|', {columns}))"), &format!("FROM {name}"));
        rows.iter().flatten().for_each(|row| text += &(row.clone() + "\n"));
    }
    text.lines().flat_map(|line| line.as_bytes().chunks(2)).filter_map(byte).collect()
}

fn byte(hex: &[u8]) -> Option<u8> {
    u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok()
}

fn logs(directory: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(directory).expect("the directory of the test");
    let files = files.map(|file| file.expect("a file").path());
    files.flat_map(|file| std::fs::read(file).expect("a file of the test")).collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}
