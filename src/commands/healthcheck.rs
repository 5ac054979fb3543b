//! `wxauth healthcheck`: asks the server that this configuration describes how it is.

use std::time::Duration;

use actix_rt::net::UnixStream;
use actix_service::fn_service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection};
use awc::http::Uri;
use awc::{Client, Connector};
use clap::Args;

use super::outcome::{Outcome, Result};
use crate::config::{self, Bind};

/// How long the server may take: /readyz answers within 5 s whatever the database does.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the server at BIND for its /healthz
///
/// Exit code 0 says that it answered 200. For containers, whose images have no curl.
#[derive(Args)]
pub struct Arguments {
    /// Asks for /readyz: whether the database answers and its schema is current
    #[arg(long)]
    ready: bool,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let bind = config::bind()?;
    let path = if arguments.ready { "/readyz" } else { "/healthz" };
    actix_rt::System::new().block_on(ask(&bind, path))?;
    Ok(Outcome::Done)
}

async fn ask(bind: &Bind, path: &str) -> Result<()> {
    // Linux takes the address that stands for all of them, such as 0.0.0.0, for the loopback.
    let host = match bind {
        Bind::Tcp(address) if address.port() == 0 => {
            return Err(
                "BIND has port 0, which is a free port that only the server's log knows".into()
            );
        }
        Bind::Tcp(address) => address.to_string(),
        Bind::Unix(_) => "localhost".to_owned(),
    };
    let url = format!("http://{host}{path}");
    let answer =
        client(bind).get(url).send().await.map_err(|error| format!("{bind}{path}: {error}"))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("{bind}{path} answered {status}").into()) }
}

fn client(bind: &Bind) -> Client {
    let client = Client::builder().timeout(PATIENCE).disable_redirects();
    let Bind::Unix(socket) = bind else {
        return client.finish();
    };
    let socket = socket.clone();
    let connect = move |asked: ConnectInfo<Uri>| {
        let socket = socket.clone();
        async move {
            let stream = UnixStream::connect(socket).await.map_err(ConnectError::Io)?;
            Ok(Connection::new(asked.request().clone(), stream))
        }
    };
    client.connector(Connector::new().connector(fn_service(connect))).finish()
}
