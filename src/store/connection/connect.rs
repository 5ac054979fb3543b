//! How a connection is made, and what it is told first.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::mysql::MysqlConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};

use super::classify::{Trouble, classify, classify_connecting, unavailable};
use super::session::{LockWaits, set_up};
use super::tls::Target;

/// How long a database may take to say its first word, where it is doubted whether it speaks.
const GREETING_TIMEOUT: Duration = Duration::from_secs(2);

/// Which connection one is, to those who look at the database.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ConnectionId {
    /// One of several, behind a balancer.
    #[diesel(sql_type = Text)]
    server: String,
    /// Counted up as long as the server runs.
    #[diesel(sql_type = BigInt)]
    number: i64,
}

impl ConnectionId {
    /// Ends it from another connection, and leaves it alone where that is to another server, or to
    /// one that began to count anew.
    pub fn end_from(
        &self,
        connection: &mut MysqlConnection,
        own: &ConnectionId,
    ) -> Result<(), Trouble> {
        if self.server != own.server || self.number >= own.number {
            return Ok(());
        }
        match connection.batch_execute(&format!("KILL {}", self.number)).map_err(|e| classify(&e)) {
            Err(Trouble::Lost(cause)) => Err(Trouble::Lost(cause)),
            // It is gone already.
            _ => Ok(()),
        }
    }
}

pub fn connection_id(connection: &mut MysqlConnection) -> Result<ConnectionId, Trouble> {
    diesel::sql_query(
        "SELECT CONCAT(@@hostname, ':', @@port) AS server, \
         CAST(CONNECTION_ID() AS SIGNED) AS number",
    )
    .get_result(connection)
    .map_err(|error| classify(&error))
}

/// Connects, and sets the session up. Blocks for as long as the database pleases.
pub fn connect(target: &Target, locks: LockWaits) -> Result<MysqlConnection, Trouble> {
    target.check()?;
    let mut connection = MysqlConnection::establish(target.url.expose())
        .map_err(|error| classify_connecting(&error))?;
    target.check_connected(&mut connection)?;
    set_up(&mut connection, locks).map_err(|error| classify(&error))?;
    Ok(connection)
}

/// Connects, for a command: on a thread, as only that can be left behind where the client does not
/// come back.
pub fn connect_within(
    target: &Target,
    limit: Duration,
    locks: LockWaits,
) -> Result<MysqlConnection, Trouble> {
    let target = target.clone();
    let (sender, receiver) = sync_channel(1);
    // Nobody waits any more after the limit; the connection is closed then.
    thread::spawn(move || drop(sender.send(connect(&target, locks))));
    match receiver.recv_timeout(limit) {
        Ok(connected) => connected,
        Err(RecvTimeoutError::Timeout) => {
            Err(unavailable(&format!("no answer for {} s", limit.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(unavailable("the client gave up")),
    }
}

/// Whether something at the database's address speaks first, as MySQL's protocol has it, before long.
///
/// Asked only where a thread did not come back: the client would block for good on a database that
/// accepts and says nothing. One that speaks may note an aborted connection, so not every new one
/// begins with this.
pub fn expect_greeting(target: &Target) -> Result<(), Trouble> {
    // Not for a socket in the file system: whoever owns that is on this machine.
    let Some((host, port)) = &target.address else { return Ok(()) };
    let unspoken = |error: io::Error| unavailable(&format!("no greeting: {error}"));
    let mut last = Err(unavailable("the host has no address"));
    for address in (host.as_str(), *port).to_socket_addrs().map_err(unspoken)? {
        last = hear_greeting(address).map_err(unspoken);
        if last.is_ok() {
            break;
        }
    }
    last
}

fn hear_greeting(address: SocketAddr) -> io::Result<()> {
    let stream = TcpStream::connect_timeout(&address, GREETING_TIMEOUT)?;
    stream.set_read_timeout(Some(GREETING_TIMEOUT))?;
    match stream.peek(&mut [0])? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}
