//! The database goes away and comes back on the same data.

use super::mariadb::Mariadb;
use super::scene::Scene;

#[actix_rt::test]
async fn a_restart_of_the_database_is_survived() {
    let mut mariadb = Mariadb::start(&[]);
    let scene = Scene::on(&mariadb);

    mariadb.shut_down();
    scene.load.wait_for_refused(1);
    mariadb.start_again();

    scene.assert_next_requests_succeed().await;
    scene.assert_unharmed();
}

#[actix_rt::test]
async fn a_killed_database_loses_nothing_that_was_acknowledged() {
    let mut mariadb = Mariadb::start(&[]);
    let scene = Scene::on(&mariadb);

    mariadb.kill();
    scene.load.wait_for_refused(1);
    mariadb.start_again();

    scene.assert_next_requests_succeed().await;
    scene.assert_unharmed();
}
