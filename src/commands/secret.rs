//! `wxauth secret`: makes an entry for `SESSION_KEY_SECRETS`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::Utc;
use clap::Args;
use ring::rand::{SecureRandom as _, SystemRandom};
use zeroize::Zeroizing;

use super::outcome::{Outcome, Result};
use super::print::print;
use crate::values::{KeySecret, is_secret_name};

/// Makes a secret to seal session keys with
///
/// Prints NAME:SECRET, an entry for SESSION_KEY_SECRETS. Whoever has it and a copy of the database can
/// read the keys, so let it go where only servers and those who run them can read it.
#[derive(Args)]
pub struct Arguments {
    /// Another one than any secret of before: 1 to 32 of A-Z, a-z, 0-9, _ and - [default: today's
    /// date]
    #[arg(value_parser = name)]
    name: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<Outcome> {
    let name = arguments.name.clone().unwrap_or_else(|| Utc::now().format("%Y-%m-%d").to_string());
    let mut bytes = Zeroizing::new([0; KeySecret::LENGTH]);
    let filled = SystemRandom::new().fill(bytes.as_mut_slice());
    filled.map_err(|_| "the system gave no random bytes")?;
    let secret = Zeroizing::new(BASE64.encode(bytes.as_slice()));
    print(&Zeroizing::new(format!("{name}:{}", *secret)))?;
    Ok(Outcome::Done)
}

fn name(text: &str) -> std::result::Result<String, &'static str> {
    const WRONG: &str = "a name is 1 to 32 of A-Z, a-z, 0-9, _ and -, and not plain";
    if is_secret_name(text) { Ok(text.to_owned()) } else { Err(WRONG) }
}
