//! Base64 that transport damaged, mended. Pure functions, no I/O.
//!
//! Pages lose characters on the way: form bodies turn `+` into a space, wrappers percent-encode
//! once more, templates add quotes and line breaks. None of these characters exists in standard
//! base64, so each damage can be told and undone, in a fixed order.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

/// A value percent-encoded by hand, by a wrapper and by the form has two layers left.
const MAX_PERCENT_LAYERS: usize = 2;

/// One kind of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Damage {
    Quotes,
    PercentEncoding,
    LineBreaks,
    Spaces,
    UrlSafeAlphabet,
    Padding,
}

/// The name of every [`Damage`].
pub const DAMAGES: [&str; Damage::ALL.len()] =
    ["quotes", "percent_encoding", "line_breaks", "spaces", "url_safe_alphabet", "padding"];

impl Damage {
    const ALL: [Self; 6] = [
        Self::Quotes,
        Self::PercentEncoding,
        Self::LineBreaks,
        Self::Spaces,
        Self::UrlSafeAlphabet,
        Self::Padding,
    ];
}

/// The kinds of damage that were undone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs(u8);

impl Repairs {
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Some of [`DAMAGES`], in their order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        let is_found = move |(damage, _): &(Damage, _)| self.0 & (1 << *damage as u8) != 0;
        Damage::ALL.into_iter().zip(DAMAGES).filter(is_found).map(|(_, name)| name)
    }

    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn add(&mut self, damage: Damage) {
        self.0 |= 1 << damage as u8;
    }
}

impl fmt::Display for Repairs {
    /// The names, joined by commas.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().collect::<Vec<_>>().join(","))
    }
}

/// Decodes standard base64, mended where it was damaged. `fits` says which decoded lengths are
/// valid, in bytes: it decides between spaces that were pluses and spaces that were added.
///
/// A value that is standard base64 already is never changed. Source of the order: the damages
/// that public reports of this API show.
pub fn decode(text: &str, fits: impl Fn(usize) -> bool) -> Option<(Vec<u8>, Repairs)> {
    if let Ok(bytes) = BASE64.decode(text) {
        return fits(bytes.len()).then_some((bytes, Repairs::default()));
    }
    let mut repairs = Repairs::default();
    let text = trim_quotes(text, &mut repairs);
    let text = percent_decode(text.to_owned(), &mut repairs);
    let text = drop_line_breaks(&text, &mut repairs);
    let text = restore_pluses(&text, &fits, &mut repairs);
    let text = restore_alphabet(&text, &mut repairs);
    let text = restore_padding(&text, &mut repairs);
    let bytes = BASE64.decode(text).ok()?;
    fits(bytes.len()).then_some((bytes, repairs))
}

/// Quotes at both ends or at one, and whatever space is outside of them: at an end without a quote,
/// spaces may be pluses.
fn trim_quotes<'a>(text: &'a str, repairs: &mut Repairs) -> &'a str {
    let is_quote = |c| c == '"' || c == '\'';
    let mut bare = text;
    if bare.trim_start().starts_with(is_quote) {
        bare = bare.trim_start().trim_start_matches(is_quote);
    }
    if bare.trim_end().ends_with(is_quote) {
        bare = bare.trim_end().trim_end_matches(is_quote);
    }
    if bare.len() < text.len() {
        repairs.add(Damage::Quotes);
    }
    bare
}

fn percent_decode(mut text: String, repairs: &mut Repairs) -> String {
    for _ in 0..MAX_PERCENT_LAYERS {
        let decoded = percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            break;
        }
        repairs.add(Damage::PercentEncoding);
        text = decoded;
    }
    text
}

/// A break takes the spaces beside it with it: they are indentation.
fn drop_line_breaks(text: &str, repairs: &mut Repairs) -> String {
    let is_break = |c| c == '\r' || c == '\n' || c == '\t';
    if !text.contains(is_break) {
        return text.to_owned();
    }
    repairs.add(Damage::LineBreaks);
    let lines: Vec<&str> = text.split(is_break).collect();
    let last = lines.len() - 1;
    let without_indentation = lines.iter().enumerate().map(|(index, line)| {
        let line = if index > 0 { line.trim_start_matches(' ') } else { line };
        if index < last { line.trim_end_matches(' ') } else { line }
    });
    without_indentation.collect()
}

/// Every space is a plus, also at the ends, unless only without those at an end the length fits.
fn restore_pluses(text: &str, fits: impl Fn(usize) -> bool, repairs: &mut Repairs) -> String {
    if !text.contains(' ') {
        return text.to_owned();
    }
    repairs.add(Damage::Spaces);
    let readings =
        [text, text.trim_end_matches(' '), text.trim_start_matches(' '), text.trim_matches(' ')];
    let is_valid = |reading: &&str| decoded_length(reading).is_some_and(&fits);
    readings.into_iter().find(is_valid).unwrap_or(text).replace(' ', "+")
}

fn restore_alphabet(text: &str, repairs: &mut Repairs) -> String {
    if text.contains(['-', '_']) {
        repairs.add(Damage::UrlSafeAlphabet);
    }
    text.replace('-', "+").replace('_', "/")
}

fn restore_padding(text: &str, repairs: &mut Repairs) -> String {
    let bare = text.trim_end_matches('=');
    let padding = bare.len().next_multiple_of(4) - bare.len();
    if text.len() - bare.len() != padding {
        repairs.add(Damage::Padding);
    }
    format!("{bare}{}", "=".repeat(padding))
}

/// Bytes that this many base64 characters stand for; `None` where no bytes have such a length.
fn decoded_length(text: &str) -> Option<usize> {
    let length = text.trim_end_matches('=').len();
    (length % 4 != 1).then_some(length * 3 / 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As of encryptedData; 16 bytes alone is as of an iv.
    fn is_blocks(length: usize) -> bool {
        length > 0 && length.is_multiple_of(16)
    }

    fn blocks() -> impl Strategy<Value = Vec<u8>> {
        (1usize..12).prop_flat_map(|count| prop::collection::vec(any::<u8>(), count * 16))
    }

    /// Blocks whose base64 has many of the characters that get damaged, also at its ends.
    fn blocks_with_many_pluses() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![3 => Just(0xfb), 3 => Just(0xef), 3 => Just(0xbe), 2 => Just(0xff), 1 => any::<u8>()];
        (1usize..8).prop_flat_map(move |count| prop::collection::vec(byte.clone(), count * 16))
    }

    fn percent_encode(text: &str) -> String {
        text.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
    }

    fn indented(text: &str) -> String {
        let lines: Vec<_> =
            text.as_bytes().chunks(20).map(|line| String::from_utf8_lossy(line)).collect();
        format!("\r\n    {}\n", lines.join(" \r\n\t   "))
    }

    /// Every damage that is listed, by the form in which it reaches us.
    fn damages(valid: &str) -> Vec<String> {
        let url_safe = valid.replace('+', "-").replace('/', "_");
        vec![
            valid.replace('+', " "),
            percent_encode(valid),
            percent_encode(&percent_encode(valid)),
            valid.replace('+', "%2b").replace('/', "%2f").replace('=', "%3d"),
            format!("\"{valid}\""),
            format!(" '{valid}' "),
            format!(" '{}", valid.replace('+', " ")),
            format!("{}\" ", valid.replace('+', " ")),
            indented(valid),
            valid.trim_end_matches('=').to_owned(),
            url_safe.clone(),
            url_safe.trim_end_matches('=').to_owned(),
            format!("\"{}\"", percent_encode(valid)),
            indented(&valid.replace('+', "-")),
        ]
    }

    proptest! {
        #[test]
        fn a_valid_value_is_never_changed(bytes in prop_oneof![blocks(), blocks_with_many_pluses()]) {
            let valid = BASE64.encode(&bytes);
            prop_assert_eq!(decode(&valid, is_blocks), Some((bytes, Repairs::default())));
        }

        #[test]
        fn every_listed_damage_is_undone(bytes in prop_oneof![blocks(), blocks_with_many_pluses()]) {
            let valid = BASE64.encode(&bytes);
            for damaged in damages(&valid) {
                let decoded = decode(&damaged, is_blocks).map(|(bytes, _)| bytes);
                prop_assert_eq!(decoded.as_ref(), Some(&bytes), "{:?}", damaged);
            }
        }

        #[test]
        fn spaces_that_were_added_at_the_ends_are_not_pluses(bytes in blocks(), before in 0usize..2, after in 1usize..2) {
            let valid = BASE64.encode(&bytes);
            let padded = format!("{}{valid}{}", " ".repeat(before), " ".repeat(after));
            prop_assert_eq!(decode(&padded, is_blocks).map(|(bytes, _)| bytes), Some(bytes));
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = decode(&text, is_blocks);
        }

        #[test]
        fn no_text_of_the_damaged_alphabet_makes_it_panic(text in "[A-Za-z0-9+/=_%\\- \"'\r\n\t]{0,80}") {
            let _ = decode(&text, is_blocks);
        }
    }
}
