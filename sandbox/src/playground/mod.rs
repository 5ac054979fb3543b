//! The playground: a page on which a user's taps go to wxauth and to the old design, side by side.
//!
//! The page itself is in `sandbox/playground/page`. Here is what it cannot do alone: reach wxauth,
//! which lets no other site's pages talk to it, and look into its log and its database.

mod database;
mod docs;
mod log;
mod page;
mod servers;
mod simulation;
mod state;

use std::sync::Arc;

use actix_web::web;

use self::database::Database;
use self::log::Log;
use self::servers::Servers;
use crate::options::PlaygroundOptions;

pub(crate) fn routes(options: &PlaygroundOptions, config: &mut web::ServiceConfig) {
    let log = options.wxauth_log.clone().map(|file| Arc::new(Log::of(file)));
    config
        .app_data(web::Data::new(Database::of(options)))
        .app_data(web::Data::new(Servers::of(options.wxauth.clone(), log.clone())))
        .app_data(web::Data::new(log))
        .route("/playground", web::get().to(page::redirect))
        .service(
            web::scope("/playground")
                .route("/state", web::get().to(state::state))
                .route("/expire", web::post().to(state::expire))
                .route("/log", web::get().to(log::lines))
                .route("/simulation", web::post().to(simulation::simulation))
                .route("/servers/{side}/{endpoint}", web::post().to(servers::post))
                .route("/docs/{page}", web::get().to(docs::docs))
                .route("/{file:.*}", web::get().to(page::file)),
        );
}
