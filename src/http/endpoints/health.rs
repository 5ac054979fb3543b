//! `GET /healthz`: the process serves. `GET /readyz`: its database answers and is up to date.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::store::{SchemaState, Store};

#[derive(Serialize)]
struct Answer {
    status: &'static str,
}

pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(Answer { status: "ok" })
}

pub async fn readyz(store: Data<Store>) -> Result<HttpResponse> {
    match store.schema_state().await? {
        SchemaState::Current => Ok(HttpResponse::Ok().json(Answer { status: "ok" })),
        SchemaState::Pending(count) => Err(Error::DatabaseUnavailable(format!(
            "{count} migrations are not applied: run `wxauth migrate`"
        ))),
    }
}
