//! The database answers, and refuses to write.

use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::mariadb::Mariadb;
use super::scene::Scene;

const ONE_FILE: &str = "--innodb-file-per-table=0";
/// Room for the tables and some thousand rows.
const SMALL: &str = "--innodb-data-file-path=ibdata1:12M:autoextend:max:24M";
const LARGE: &str = "--innodb-data-file-path=ibdata1:12M:autoextend:max:512M";
/// The largest and the smallest of what is put into the file; the pages fill the rest.
const LARGEST: usize = 1 << 20;
const SMALLEST: usize = 1 << 14;

#[actix_rt::test]
async fn a_read_only_database_is_survived() {
    let mariadb = Mariadb::start(&[]);
    let scene = Scene::with_few_rights_on(&mariadb);

    scene.world.database.execute("SET GLOBAL read_only = 1");
    scene.load.wait_for_refused(24);
    scene.world.database.execute("SET GLOBAL read_only = 0");

    scene.assert_next_requests_succeed().await;
    scene.assert_unharmed();
}

#[actix_rt::test]
async fn a_full_database_is_survived() {
    let mut mariadb = Mariadb::start(&[ONE_FILE, SMALL]);
    let scene = Scene::on(&mariadb);

    fill(scene.world.database.url());
    scene.load.wait_for_refused(24);
    scene.wait_for_log("is full");
    // A full file has no room to drop a table, and InnoDB does not always live through it.
    mariadb.kill();
    mariadb.set_options(&[ONE_FILE, LARGE]);
    mariadb.start_again();

    scene.assert_next_requests_succeed().await;
    scene.assert_unharmed();
}

fn fill(url: &str) {
    let mut connection = MysqlConnection::establish(url).expect("the database answers");
    diesel::sql_query("CREATE TABLE filler (id INT AUTO_INCREMENT PRIMARY KEY, bytes LONGBLOB)")
        .execute(&mut connection)
        .expect("there is room for a table");
    let mut length = LARGEST;
    while length >= SMALLEST {
        let insert = format!("INSERT INTO filler (bytes) VALUES (REPEAT('x', {length}))");
        if diesel::sql_query(insert).execute(&mut connection).is_err() {
            length /= 4;
        }
    }
}
