//! Random users through both servers, told line by line while they go.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use super::servers::{Servers, old_design};
use crate::commands::{Command, ControlError};
use crate::simulation::{self, FirstTap, Simulation};
use crate::world::World;

const MOST_USERS: usize = 10_000;
/// So few that a machine of two cores delays nobody for long.
const CONCURRENCY: usize = 25;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    users: usize,
    #[serde(default = "any_seed")]
    seed: u32,
}

/// `POST /playground/simulation`: a line of JSON for each first tap. A caller that hangs up ends it.
pub(super) async fn simulation(
    world: Data<World>,
    servers: Data<Servers>,
    request: HttpRequest,
    Command(order): Command<Order>,
) -> Result<HttpResponse, ControlError> {
    let wxauth = servers.wxauth().ok_or_else(ControlError::no_wxauth)?;
    let names = format!("{:08x}", fastrand::u32(..));
    let sides = [("wxauth", wxauth), ("oldDesign", old_design(&request))];
    let taps = sides.map(|(side, address)| {
        let play = Simulation {
            seed: order.seed.into(),
            users: order.users.min(MOST_USERS),
            concurrency: CONCURRENCY,
            names: format!("{names}-{side}-"),
            servers: [address.clone(), address],
        };
        (side, simulation::play(&world, &play))
    });
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, "application/x-ndjson")).body(Lines(taps)))
}

fn any_seed() -> u32 {
    fastrand::u32(..)
}

/// The first taps of each side, as they come.
struct Lines([(&'static str, mpsc::Receiver<FirstTap>); 2]);

impl MessageBody for Lines {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        let mut is_over = true;
        for (side, taps) in &mut self.0 {
            match taps.poll_recv(context) {
                Poll::Ready(Some(tap)) => return Poll::Ready(Some(Ok(line(side, &tap)))),
                Poll::Ready(None) => {}
                Poll::Pending => is_over = false,
            }
        }
        if is_over { Poll::Ready(None) } else { Poll::Pending }
    }
}

fn line(side: &str, tap: &FirstTap) -> Bytes {
    let opened = tap.failure.is_none();
    let line = json!({ "side": side, "trouble": tap.trouble, "opened": opened });
    format!("{line}\n").into()
}
