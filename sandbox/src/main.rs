//! The sandbox's own program: parse the command line, serve until a signal.

use std::future::poll_fn;
use std::path::PathBuf;
use std::process::ExitCode;
use std::task::Poll;

use actix_rt::signal::unix::{SignalKind, signal};
use clap::Parser;
use wxauth_sandbox::{Host, Options, PlaygroundOptions, Sandbox};

/// Plays WeChat and the user's phone on this machine, with made-up data.
/// `GET /` shows what it can do.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:8081")]
    bind: String,

    /// Another address of the same WeChat, with faults of its own; may be given several times.
    #[arg(long, value_name = "ADDRESS")]
    host: Vec<String>,

    /// The only appid that is accepted.
    #[arg(long, default_value_t = Options::default().appid)]
    appid: String,

    /// The only secret that is accepted.
    #[arg(long, default_value_t = Options::default().secret)]
    secret: String,

    /// Lift WeChat's limit of 100 exchanges a minute and user.
    #[arg(long)]
    no_rate_limit: bool,

    /// Show this wxauth in the playground, such as http://127.0.0.1:8080. By default the one that
    /// --wxauth-log names.
    #[arg(long, value_name = "ADDRESS")]
    wxauth: Option<String>,

    /// Show the lines of this file, which holds that wxauth's log, in the playground.
    #[arg(long, value_name = "FILE")]
    wxauth_log: Option<PathBuf>,

    /// Show that wxauth's database in the playground: an option file with which the mariadb
    /// client logs in to it.
    #[arg(long, value_name = "FILE")]
    database_client_file: Option<PathBuf>,

    /// The name of that database.
    #[arg(long, default_value = "wxauth")]
    database: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // actix-http reports every answer that a fault cuts off on purpose.
    let filter = "info,actix_server=warn,actix_http=off";
    let filter = env_logger::Env::default().default_filter_or(filter);
    env_logger::Builder::from_env(filter).init();

    let bind = arguments.bind.clone();
    match serve(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("wxauth-sandbox: cannot serve on {bind}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> std::io::Result<()> {
    let addresses = arguments.host;
    let mut options = Options {
        appid: arguments.appid,
        secret: arguments.secret,
        bind: arguments.bind,
        playground: PlaygroundOptions {
            wxauth: arguments.wxauth,
            wxauth_log: arguments.wxauth_log,
            database_client_file: arguments.database_client_file,
            database: arguments.database,
        },
        ..Options::default()
    };
    if arguments.no_rate_limit {
        options.rate_limit_a_minute = None;
    }
    actix_rt::System::new().block_on(async {
        // Listened for before serving, so that no signal comes too early.
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let sandbox = Sandbox::start(options)?;
        log::info!("sandbox WeChat listening on {}", sandbox.base_url());
        let mut hosts = Vec::new();
        for address in addresses {
            let host = sandbox.add_host(&address)?;
            log::info!("the same WeChat also listens on {}", host.base_url());
            hosts.push(host);
        }

        poll_fn(|context| {
            let interrupted = interrupt.poll_recv(context).is_ready();
            let terminated = terminate.poll_recv(context).is_ready();
            if interrupted || terminated {
                return Poll::Ready(());
            }
            Poll::Pending
        })
        .await;
        hosts.iter().for_each(Host::stop);
        sandbox.stop();
        Ok(())
    })
}
