//! A phone number on the command line, or from standard input, where no list of processes shows it.

use std::io::{IsTerminal as _, Write as _, stderr, stdin};

use crate::commands::outcome::Result;

/// Digits of the longest international number, with some to spare.
const MAX_DIGITS: usize = 20;
const MIN_DIGITS: usize = 4;
/// Stands for standard input.
const STANDARD_INPUT: &str = "-";
const WRONG: &str = "a phone number is 4 to 20 digits, perhaps with + or 00 before them";

/// What `--phone` says. It has no `Debug`, as it may be a number.
#[derive(Clone)]
pub enum Number {
    Digits(String),
    StandardInput,
}

/// For clap: a number or `-`.
pub fn number(text: &str) -> std::result::Result<Number, &'static str> {
    match text {
        STANDARD_INPUT => Ok(Number::StandardInput),
        _ => digits(text).map(Number::Digits).ok_or(WRONG),
    }
}

/// For clap: `-` only.
pub fn from_standard_input(text: &str) -> std::result::Result<Number, &'static str> {
    const VISIBLE: &str = "lists of processes would show the number: say - and type or pipe it";
    if text == STANDARD_INPUT { Ok(Number::StandardInput) } else { Err(VISIBLE) }
}

impl Number {
    /// The number's digits; asks for them on a terminal.
    pub fn digits(&self) -> Result<String> {
        if let Self::Digits(digits) = self {
            return Ok(digits.clone());
        }
        if stdin().is_terminal() {
            write!(stderr(), "Phone number: ")?;
        }
        let mut line = String::new();
        stdin().read_line(&mut line)?;
        if !stdin().is_terminal() {
            for further in stdin().lines() {
                if !further?.trim().is_empty() {
                    return Err("there is more than one line: one number at a time".into());
                }
            }
        }
        Ok(digits(line.trim()).ok_or(WRONG)?)
    }
}

/// Without what people write between them.
fn digits(text: &str) -> Option<String> {
    let bare: String = text.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')')).collect();
    // 00 is how one dials a plus.
    let digits = bare.strip_prefix('+').or_else(|| bare.strip_prefix("00")).unwrap_or(&bare);
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let fits = (MIN_DIGITS..=MAX_DIGITS).contains(&digits.len());
    (is_number && fits).then(|| digits.to_owned())
}
