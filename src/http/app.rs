//! The application of one worker: what its handlers use, and what is around them.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::web::Data;
use actix_web::{App, Error};

use super::edge::Edge;
use super::endpoints::{self, Readiness};
use super::request::BodyRoom;
use super::stopping::Stopping;
use crate::config::ResponseShape;
use crate::login::Logins;
use crate::phone::Phones;

/// What the handlers of every worker share.
#[derive(Clone)]
pub struct Shared {
    pub logins: Data<Logins>,
    pub phones: Data<Phones>,
    pub readiness: Data<Readiness>,
    pub response_shape: Data<ResponseShape>,
    pub body_room: Data<BodyRoom>,
    pub stopping: Data<Stopping>,
    pub edge: Edge,
}

pub fn app(
    shared: Shared,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    let edge = shared.edge;
    App::new()
        .app_data(shared.logins)
        .app_data(shared.phones)
        .app_data(shared.readiness)
        .app_data(shared.response_shape)
        .app_data(shared.body_room)
        .app_data(shared.stopping)
        .wrap(from_fn(move |request, next| edge.clone().around(request, next)))
        .configure(endpoints::configure)
}
