//! What systemd hears of a server that it started.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::harness::{Server, TemporaryFile, World};

/// For a message that must come.
const PATIENCE: Duration = Duration::from_secs(40);

#[actix_rt::test]
async fn systemd_hears_when_requests_are_accepted_and_when_no_more_are() {
    let world = World::new();
    let directory = TemporaryFile::new("unused", "");
    let path = directory.beside("notify");
    let systemd = UnixDatagram::bind(&path).expect("the temporary directory can be written");
    systemd.set_read_timeout(Some(PATIENCE)).expect("it is more than nothing");
    let hear = || {
        let mut message = [0; 64];
        let length = systemd.recv(&mut message).expect("a message comes");
        String::from_utf8_lossy(&message[..length]).trim().to_owned()
    };
    let socket = path.to_str().expect("UTF-8");

    let variables = [("NOTIFY_SOCKET", socket)];
    let server = Server::spawn(&["serve", "--migrate"], &world.variables(), &variables);

    assert_eq!(hear(), "READY=1");
    let line = server.wait_for_line("listening on http://");
    server.client_at(&line).get("/healthz").await.assert_ok();

    server.signal("TERM");

    assert_eq!(hear(), "STOPPING=1");
    let (status, log) = server.wait();
    assert!(status.success(), "{log}");
}
