//! Damaged base64: what is decoded has a length that fits, valid base64 is never changed, and every
//! mixture of the listed damages is undone.
//!
//! Input: a byte that chooses the damages, and a text, which is also taken for the bytes to damage.

#![no_main]
#![allow(clippy::expect_used, clippy::panic, reason = "a target that finds something panics")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use libfuzzer_sys::fuzz_target;
use wxauth::phone::Repairs;
use wxauth::phone::repair::decode;

const BLOCK: usize = 16;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, bytes) = input;
    if let Ok(text) = str::from_utf8(bytes) {
        assert_any_text_is_decoded_or_refused(text);
    }
    let length = bytes.len() / BLOCK * BLOCK;
    let blocks = bytes.get(..length).unwrap_or_default();
    if !blocks.is_empty() {
        let damaged = damage(&BASE64.encode(blocks), choice);
        let decoded = decode(&damaged, is_blocks).map(|(bytes, _)| bytes);
        assert_eq!(decoded.as_deref(), Some(blocks), "{damaged:?}");
    }
});

fn is_blocks(length: usize) -> bool {
    length > 0 && length.is_multiple_of(BLOCK)
}

fn assert_any_text_is_decoded_or_refused(text: &str) {
    for fits in [is_blocks, |length| length == BLOCK] {
        let Some((bytes, repairs)) = decode(text, fits) else {
            // Nothing valid is refused.
            assert!(!BASE64.decode(text).is_ok_and(|bytes| fits(bytes.len())), "{text:?}");
            continue;
        };
        assert!(fits(bytes.len()), "{text:?}");
        assert_eq!(repairs.is_empty(), BASE64.decode(text).is_ok(), "{text:?}");
        let again = decode(&BASE64.encode(&bytes), fits);
        assert_eq!(again, Some((bytes, Repairs::default())), "{text:?}");
    }
}

/// Some of the damages at once, in the order in which transport does them.
fn damage(valid: &str, choice: u8) -> String {
    let has = |bit: u8| choice & (1 << bit) != 0;
    let mut text = valid.to_owned();
    if has(0) {
        text = text.replace('+', "-").replace('/', "_");
    }
    if has(1) {
        text.truncate(text.trim_end_matches('=').len());
    }
    if has(2) {
        let (start, end) = text.split_at(text.len() / 2);
        text = format!("\r\n\t {start} \n    {end}\n");
    }
    // Two layers are undone.
    for _ in 0..[0, 1, 2, 0].into_iter().nth(usize::from(choice >> 6)).unwrap_or_default() {
        text = percent_encode(&text);
    }
    // A break takes the spaces beside it along, so spaces that were pluses do not go with breaks.
    if has(3) && !has(2) {
        text = text.replace('+', " ");
    }
    match (has(4), has(5)) {
        (true, false) => format!("\"{text}\""),
        (false, true) => format!(" '{text}"),
        (true, true) => format!("{text}\" "),
        (false, false) => text,
    }
}

fn percent_encode(text: &str) -> String {
    let is_kept = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let encode =
        |c: char| if is_kept(c) { c.to_string() } else { format!("%{:02x}", u32::from(c)) };
    text.chars().map(encode).collect()
}
