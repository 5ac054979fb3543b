//! Many pages connect at once.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::harness::World;

/// More than the standard library lets wait, fewer than the files that a process may open.
const CROWD: usize = 400;
/// One that is not let in tries again for minutes.
const PATIENCE: Duration = Duration::from_secs(10);

#[actix_rt::test]
async fn a_crowd_that_comes_faster_than_it_is_accepted_is_let_in() {
    let world = World::new();
    let server = world.server();
    let address: SocketAddr = server.address().parse().expect("the log holds an address");

    server.signal("STOP");
    let connect = || TcpStream::connect_timeout(&address, PATIENCE).expect("it is let in");
    let crowd: Vec<_> = (0..CROWD).map(|_| connect()).collect();
    server.signal("CONT");

    assert_eq!(server.client().get("/healthz").await.status, 200);
    drop(crowd);
}
