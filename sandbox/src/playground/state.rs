//! What is connected, and what each side holds of a user.

use actix_web::HttpResponse;
use actix_web::web::{Data, Json};
use serde::Deserialize;
use serde_json::json;

use super::database::Database;
use super::servers::Servers;
use crate::commands::{Command, Question};
use crate::old_design::NewestKeys;
use crate::world::World;

#[derive(Deserialize)]
pub(super) struct Whose {
    openid: String,
}

/// `GET /playground/state?openid=OPENID`
pub(super) async fn state(
    world: Data<World>,
    servers: Data<Servers>,
    database: Data<Database>,
    old_design: Data<NewestKeys>,
    Question(whose): Question<Whose>,
) -> HttpResponse {
    let address = servers.wxauth();
    let serves = match &address {
        Some(address) => servers.serves(address).await,
        None => false,
    };
    HttpResponse::Ok().json(json!({
        // Another number is another sandbox, which knows none of the first one's users.
        "sandbox": world.number,
        "wxauth": { "address": address, "serves": serves, "keys": database.keys(&whose.openid).await },
        "oldDesign": { "key": old_design.fingerprint_of(&whose.openid) },
    }))
}

/// `POST /playground/expire`: the keys that wxauth stored have lived too long.
pub(super) async fn expire(
    database: Data<Database>,
    Command(whose): Command<Whose>,
) -> Json<serde_json::Value> {
    Json(json!({ "expired": database.expire(&whose.openid).await }))
}
