//! The hidden command `bare`: an actix-web server that does nothing, to compare with.

use actix_web::web::{self, Bytes};
use actix_web::{App, HttpResponse, HttpServer};
use anyhow::Result;

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
