//! An actix-web server that does nothing, to compare with: the hidden command `bare`, and what measures
//! it.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Result;

use crate::cell::Cell;
use crate::child::ChildServer;
use crate::load::{Load, WriteRequest};
use crate::rig::{Rig, directory};
use crate::traffic::{Traffic, write_post};

/// As long as what `/getWXUserPhone` answers.
const ANSWER: &str = r#"{"userId":10000,"openid":"oAAAAAAAAAAAAAAAAAAAAAAAAAAA","phoneNumber":"13500000000","purePhoneNumber":"13500000000","countryCode":"86"}"#;

/// Serves until it is killed: reads each body, answers each the same, on as many workers as there
/// are cores, as wxauth does by default.
pub fn serve() -> Result<()> {
    actix_rt::System::new().block_on(async {
        let app = || App::new().default_service(web::post().to(answer));
        let server = HttpServer::new(app).bind("127.0.0.1:0")?;
        for address in server.addrs() {
            eprintln!("listening on http://{address}");
        }
        Ok(server.run().await?)
    })
}

async fn answer(body: Bytes) -> HttpResponse {
    // Reading it is the point.
    drop(body);
    HttpResponse::Ok().content_type("application/json").body(ANSWER)
}

pub fn start() -> Result<ChildServer> {
    let mut command = Command::new(std::env::current_exe()?);
    let log = directory()?.join("bare.log");
    ChildServer::start("the bare handler", command.arg("bare"), log)
}

/// It gets the requests of a phone call.
pub fn measure(rig: &Rig, connections: usize, duration: Duration) -> Result<Cell> {
    let server = start()?;
    let (bodies, address) = (Traffic::Phone.bodies(rig), server.address());
    let requests: WriteRequest =
        Arc::new(move |request| write_post(request, address, Traffic::Phone.path(), &bodies()));
    let load = Load { connections, duration, requests_per_second: None, keeps_connections: true };
    Cell::of(&server, &rig.database, requests, load)
}
