//! `wxauth healthcheck`: asks the server that this configuration describes how it is.

use std::time::Duration;

use clap::Args;

use super::outcome::{Outcome, Result};
use crate::config;

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
    // Linux takes the address that stands for all of them, such as 0.0.0.0, for the loopback.
    let address = config::bind()?;
    if address.port() == 0 {
        return Err("BIND has port 0, which is a free port that only the server's log knows".into());
    }
    let path = if arguments.ready { "/readyz" } else { "/healthz" };
    let url = format!("http://{address}{path}");
    actix_rt::System::new().block_on(ask(&url))?;
    Ok(Outcome::Done)
}

async fn ask(url: &str) -> Result<()> {
    let client = awc::Client::builder().timeout(PATIENCE).disable_redirects().finish();
    let answer = client.get(url).send().await.map_err(|error| format!("{url}: {error}"))?;
    let status = answer.status();
    if status.is_success() { Ok(()) } else { Err(format!("{url} answered {status}").into()) }
}
