//! What systemd hears of a server that it started, and the unix sockets that it hands over.

use std::fs::{Permissions, set_permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::time::Duration;

use crate::harness::{Finished, Nginx, Server, TemporaryFile, World};

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

/// A socket that systemd holds, at a path of its own.
struct UnixSocket {
    listener: UnixListener,
    directory: TemporaryFile,
}

impl UnixSocket {
    fn bind() -> Self {
        let directory = TemporaryFile::new("unused", "");
        let path = directory.beside("wxauth.sock");
        let listener = UnixListener::bind(&path).expect("the temporary directory can be written");
        // nginx's workers are somebody else.
        set_permissions(&path, Permissions::from_mode(0o666)).expect("it is ours");
        Self { listener, directory }
    }

    fn connect(&self) -> UnixStream {
        UnixStream::connect(self.directory.beside("wxauth.sock")).expect("it is listened on")
    }
}

#[actix_rt::test]
async fn who_comes_by_a_unix_socket_is_a_trusted_proxy() {
    let world = World::new();
    let socket = UnixSocket::bind();
    let server = world.server_on(&socket.listener);
    let nginx = Nginx::before(server.address());
    let options = ["-H", "X-Forwarded-For: 192.0.2.7", "--interface", "127.0.0.9"];
    nginx.play(&world.wechat, &options);

    let line = server.line("POST /getWXUserPhone").await;
    assert!(line.ends_with("peer=unix client=127.0.0.9"), "{line}");
    assert!(!server.log().contains("TRUSTED_PROXIES is not set"), "{}", server.log());
}

#[test]
fn who_comes_by_a_unix_socket_between_two_servers_waits_for_the_second() {
    let world = World::new();
    let socket = UnixSocket::bind();
    let first = world.server_on(&socket.listener);
    first.signal("TERM");
    let (status, log) = first.wait();
    assert_eq!(status.code(), Some(0), "{log}");

    let mut connection = socket.connect();
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).expect("the socket is still there");
    let _second = world.server_on(&socket.listener);

    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn healthcheck_asks_at_a_unix_socket_too() {
    let world = World::new();
    let socket = UnixSocket::bind();
    let server = world.server_on(&socket.listener);
    let healthcheck = |arguments: &[&str]| {
        let variables = [("BIND", server.address().to_owned())];
        Finished::of(&[&["healthcheck"], arguments].concat(), &variables, b"")
    };
    healthcheck(&[]).assert_ok();

    world.database.execute("DELETE FROM __diesel_schema_migrations LIMIT 1");
    let unready = healthcheck(&["--ready"]);
    assert_eq!(unready.code, Some(1));
    let says = format!("{}/readyz answered 503", server.address());
    assert!(unready.stderr.contains(&says), "{}", unready.stderr);
}

#[test]
fn without_a_socket_of_systemds_a_unix_address_stops_the_start() {
    let world = World::new();
    let variables = [("BIND", "unix:/run/wxauth/shop.sock")];
    let (status, log) =
        Server::spawn(&["serve", "--migrate"], &world.variables(), &variables).wait();
    assert_eq!(status.code(), Some(1));
    let says = "BIND=unix:/run/wxauth/shop.sock is for a socket that systemd hands over";
    assert!(log.contains(says), "{log}");
}

#[test]
fn of_two_sockets_none_is_served_rather_than_one() {
    let world = World::new();
    let socket = UnixSocket::bind();
    let (status, log) = Server::spawn_on(&socket.listener, 2, &world.variables()).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("LISTEN_FDS hands over 2 sockets, and one can be served"), "{log}");
}
