//! What several commands take and begin with.

use super::outcome::Result;
use crate::config::DatabaseConfig;
use crate::store::Direct;
use crate::values::OpenId;

pub fn connect() -> Result<Direct> {
    let database = DatabaseConfig::load()?;
    Ok(Direct::connect(&database)?)
}

/// For clap.
pub fn openid(text: &str) -> std::result::Result<OpenId, &'static str> {
    OpenId::parse(text).ok_or("an openid is 1 to 64 of A-Z, a-z, 0-9, _ and -")
}
