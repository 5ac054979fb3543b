//! Somebody kills connections and statements.

use std::thread;
use std::time::{Duration, Instant};

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;

use super::scene::Scene;

const TIMES: usize = 5;
/// Answers between two kills: connections were made anew, and work.
const BETWEEN: usize = 50;
const STATEMENTS: usize = 20;
/// For statements to kill; never reached under load.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(1);

#[actix_rt::test]
async fn a_killed_connection_costs_nobody_an_answer() {
    let scene = Scene::new();

    // The one that works, if one does.
    let connections = scene.world.database.connections();
    let busy = format!("{connections} ORDER BY command = 'Sleep', RAND() LIMIT 1");
    for _ in 0..TIMES {
        assert_eq!(kill(&scene, "KILL", &busy), 1);
        scene.load.wait_for_acknowledged(BETWEEN);
    }

    scene.assert_next_requests_succeed().await;
    scene.assert_nobody_was_refused();
    scene.assert_unharmed();
}

#[actix_rt::test]
async fn connections_killed_all_at_once_cost_nobody_an_answer() {
    let scene = Scene::new();

    let connections = scene.world.database.connections();
    for _ in 0..TIMES {
        assert_ne!(kill(&scene, "KILL", &connections), 0);
        scene.load.wait_for_acknowledged(BETWEEN);
    }

    scene.assert_next_requests_succeed().await;
    scene.assert_nobody_was_refused();
    scene.assert_unharmed();
}

#[actix_rt::test]
async fn killed_statements_are_survived() {
    let scene = Scene::new();

    let connections = scene.world.database.connections();
    let running = format!("{connections} WHERE command IN ('Query', 'Execute')");
    let (mut killed, deadline) = (0, Instant::now() + PATIENCE);
    while killed < STATEMENTS {
        killed += kill(&scene, "KILL QUERY", &running);
        assert!(Instant::now() < deadline, "only {killed} statements were there to kill");
        thread::sleep(PAUSE);
    }

    scene.assert_next_requests_succeed().await;
    scene.assert_unharmed();
}

/// Returns how many there were to kill; some may have ended by themselves.
fn kill(scene: &Scene, verb: &str, which: &str) -> usize {
    let database = &scene.world.database;
    let ids = database.column("id", which);
    let mut connection = MysqlConnection::establish(database.url()).expect("the database answers");
    for id in ids.iter().flatten() {
        let _ = connection.batch_execute(&format!("{verb} {id}"));
    }
    ids.len()
}
