//! `wxauth healthcheck`: what containers run.

use std::net::TcpListener;

use crate::harness::{Finished, World};

fn healthcheck(bind: &str, arguments: &[&str]) -> Finished {
    let arguments: Vec<&str> = ["healthcheck"].iter().chain(arguments).copied().collect();
    Finished::of(&arguments, &[("BIND", bind.to_owned())], b"")
}

/// Everything but BIND is the server's own business, so it is not asked for.
#[test]
fn a_server_is_asked_at_bind_also_where_it_listens_everywhere() {
    let world = World::new();
    let server = world.server();
    let port = server.address().rsplit_once(':').expect("it has a port").1;
    for bind in [server.address().to_owned(), format!("0.0.0.0:{port}")] {
        healthcheck(&bind, &[]).assert_ok();
        healthcheck(&bind, &["--ready"]).assert_ok();
    }
}

#[test]
fn a_missing_migration_makes_it_unready_and_not_unhealthy() {
    let world = World::new();
    let server = world.server();
    world.database.execute("DELETE FROM __diesel_schema_migrations LIMIT 1");
    healthcheck(server.address(), &[]).assert_ok();
    let unready = healthcheck(server.address(), &["--ready"]);
    assert_eq!(unready.code, Some(1));
    assert!(unready.stderr.contains("/readyz answered 503"), "{}", unready.stderr);
}

#[test]
fn where_no_server_answers_the_exit_code_is_1_and_one_line_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let free = taken.local_addr().expect("bound").to_string();
    drop(taken);
    for (bind, says) in [
        (free.as_str(), "/healthz: "),
        ("127.0.0.1:0", "BIND has port 0"),
        ("here", "BIND must be an address and a port"),
    ] {
        let finished = healthcheck(bind, &[]);
        assert_eq!(finished.code, Some(1), "{bind}");
        assert_eq!(finished.stderr.lines().count(), 1, "{bind}: {}", finished.stderr);
        assert!(finished.stderr.contains(says), "{bind}: {}", finished.stderr);
    }
}

#[test]
fn a_server_that_is_gone_is_not_healthy() {
    let world = World::new();
    let server = world.server();
    let address = server.address().to_owned();
    server.signal("TERM");
    server.wait();
    assert_eq!(healthcheck(&address, &[]).code, Some(1));
}
