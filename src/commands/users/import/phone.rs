//! A phone number of the older server, in the form in which WeChat gives it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher as _, RandomState};

use chrono::NaiveDateTime;

use crate::values::{OpenId, Phone};

const MAINLAND: &str = "86";
const MAINLAND_DIGITS: usize = 11;
/// The longest is E.164's, the shortest that of small countries.
const FOREIGN_DIGITS: std::ops::RangeInclusive<usize> = 4..=15;
/// What is left of a shorter number behind its country's code would be none.
const LEAST_BEHIND_A_CODE: usize = 7;
const COUNTRY_CODE_DIGITS: std::ops::RangeInclusive<usize> = 1..=4;
/// What people and spreadsheets write between digits, and around them: a tab or an apostrophe keeps
/// a spreadsheet from taking the number for one.
const BETWEEN_DIGITS: &[char] =
    &['-', '(', ')', '.', '/', '\'', '"', '=', '\u{2010}', '\u{2011}', '\u{2013}'];

/// WeChat gives a mainland number as its digits, and a foreign one with a plus and its country code
/// before them.
///
/// When it was authorised is not known, only that this was not before `created_at`; so any number
/// that WeChat gives from now on counts as newer.
pub fn parse(
    text: &str,
    country_code: Option<&str>,
    created_at: Option<NaiveDateTime>,
) -> Result<Phone, &'static str> {
    let country_code = country_code.map(calling_code).transpose()?;
    let country_code = country_code.as_deref();
    let text = digits(text)?;
    let (country_code, pure) = match (text.strip_prefix('+'), country_code) {
        (None, None | Some(MAINLAND)) => (MAINLAND, without_mainland_code(&text)),
        (None, Some(code)) => (code, national(&text, code)?),
        (Some(digits), Some(code)) => {
            (code, digits.strip_prefix(code).ok_or("phone begins with another country_code")?)
        }
        (Some(digits), None) => {
            let pure = digits.strip_prefix(MAINLAND);
            (MAINLAND, pure.ok_or("phone begins with a country code, and country_code is missing")?)
        }
    };
    let is_mainland = country_code == MAINLAND;
    if is_mainland && !(pure.starts_with('1') && is_digits(pure, MAINLAND_DIGITS..=MAINLAND_DIGITS))
    {
        return Err("phone is not 11 digits that begin with 1, and its country is 86");
    }
    if !is_digits(pure, FOREIGN_DIGITS) {
        return Err("phone is not 4 to 15 digits behind its country code");
    }
    Ok(Phone {
        phone_number: match is_mainland {
            true => pure.to_owned(),
            false => format!("+{country_code}{pure}"),
        },
        pure_phone_number: pure.to_owned(),
        country_code: country_code.to_owned(),
        watermark: created_at.map_or(0, |time| time.and_utc().timestamp()),
    })
}

/// A foreign number without a plus: countries differ in whether a 0 at its beginning is a part of it,
/// and in many of them a number may begin as the country's own code does.
fn national<'a>(text: &'a str, code: &str) -> Result<&'a str, &'static str> {
    if text.starts_with('0') {
        return Err(
            "phone begins with 0, which may be no part of it: write + and country_code before it",
        );
    }
    match text.strip_prefix(code) {
        Some(rest) if rest.len() >= LEAST_BEHIND_A_CODE => Err(
            "phone begins with its country_code or only looks so: write + before it, and country_code \
             too where it is not there yet",
        ),
        _ => Ok(text),
    }
}

/// `86` of `0086`, `086`, `+86` and `86.0`: no calling code begins with 0.
fn calling_code(text: &str) -> Result<String, &'static str> {
    let code = digits(text)?;
    let code = code.trim_start_matches(['+', '0']);
    match is_digits(code, COUNTRY_CODE_DIGITS) {
        true => Ok(code.to_owned()),
        false => Err("country_code is not 1 to 4 digits, the first of them not 0"),
    }
}

/// A mainland number with its code before it, and nothing that says so, is still no other.
fn without_mainland_code(text: &str) -> &str {
    let bare = text.strip_prefix(MAINLAND);
    bare.filter(|bare| bare.len() == MAINLAND_DIGITS && bare.starts_with('1')).unwrap_or(text)
}

/// The digits that are meant, behind a plus where there is one: what spreadsheets and people add is
/// taken away, but a number that was rounded has lost digits that nobody can give back.
fn digits(text: &str) -> Result<String, &'static str> {
    let text: String = text.chars().map(half_width).collect();
    if let Some(digits) = scientific(&text) {
        return digits.ok_or("a spreadsheet has rounded the number: export it as text");
    }
    // How a column of numbers with a fraction shows a whole one.
    let text = text.strip_suffix(".0").unwrap_or(&text);
    // A 0 that is only dialled inside of the country: +44 (0)7911 …
    let text = text.replacen("(0)", "", usize::from(text.starts_with('+')));
    let bare: String =
        text.chars().filter(|c| !c.is_whitespace() && !BETWEEN_DIGITS.contains(c)).collect();
    // 00 is how one dials a plus.
    Ok(match bare.strip_prefix("00") {
        Some(rest) if !rest.is_empty() => format!("+{rest}"),
        _ => bare,
    })
}

/// `1.3580006666E+10`: its digits, if all of them are there.
fn scientific(text: &str) -> Option<Option<String>> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    let is_number = is_digits(whole, 1..=1) && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let is_whole = fraction.len() == exponent;
    is_number.then(|| is_whole.then(|| format!("{whole}{fraction}")))
}

/// Chinese keyboards write digits as wide as characters.
fn half_width(c: char) -> char {
    match c {
        '０'..='９' | '＋' | '－' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

fn is_digits(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The phones that a file gave so far, so that a second one of a user is noticed. Only hashes are
/// kept: 16 bytes a user, some 40 MB for a million.
#[derive(Default)]
pub struct Phones {
    hasher: RandomState,
    of_openids: HashMap<u64, u32>,
}

impl Phones {
    /// Which of two is the right one, only people can say; the first stays.
    pub fn admit(&mut self, openid: &OpenId, phone: &Phone) -> Result<(), &'static str> {
        let number = self.hasher.hash_one(&phone.phone_number) as u32;
        match self.of_openids.entry(self.hasher.hash_one(openid.as_str())) {
            Entry::Vacant(entry) => {
                entry.insert(number);
                Ok(())
            }
            Entry::Occupied(entry) if *entry.get() == number => Ok(()),
            Entry::Occupied(_) => Err("an earlier row gives this openid another phone"),
        }
    }
}
