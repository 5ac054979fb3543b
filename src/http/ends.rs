//! Where a head ends, and a body in chunks, whose bytes may come in parts. No I/O.
//!
//! HTTP's reader finds them too, and whatever it takes for an end is one here: what comes behind is
//! not for it yet.

use memchr::{memchr_iter, memchr2_iter};

/// The end of a head: an empty line behind a line that is not. Lines end with or without a carriage
/// return.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct EndOfHead {
    /// Of the line that has not ended yet.
    came: Came,
    has_line: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Came {
    #[default]
    Nothing,
    Return,
    Text,
}

impl EndOfHead {
    /// How many of these bytes come up to the end, if it is in them; then it looks for the next.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut start = 0;
        for end in memchr_iter(b'\n', bytes) {
            let line = bytes.get(start..end).unwrap_or_default();
            start = end + 1;
            let is_empty = self.came.and(line) != Came::Text;
            self.came = Came::Nothing;
            if is_empty && self.has_line {
                self.has_line = false;
                return Some(start);
            }
            self.has_line |= !is_empty;
        }
        self.came = self.came.and(bytes.get(start..).unwrap_or_default());
        None
    }
}

impl Came {
    fn and(self, bytes: &[u8]) -> Self {
        match (self, bytes) {
            (came, b"") => came,
            (Self::Nothing, b"\r") => Self::Return,
            _ => Self::Text,
        }
    }
}

/// Whether `chunked` stands somewhere in this head, in any case.
pub(super) fn names_chunks(head: &[u8]) -> bool {
    const BEFORE: &[u8] = b"chun";
    const BEHIND: &[u8] = b"ed";
    // A letter that is rare in heads.
    memchr2_iter(b'k', b'K', head).any(|at| {
        let before = at.checked_sub(BEFORE.len()).and_then(|start| head.get(start..at));
        let behind = head.get(at + 1..at + 1 + BEHIND.len());
        before.is_some_and(|before| before.eq_ignore_ascii_case(BEFORE))
            && behind.is_some_and(|behind| behind.eq_ignore_ascii_case(BEHIND))
    })
}

/// The end of a body in chunks.
#[derive(Debug, Clone, Copy)]
pub(super) enum EndOfChunks {
    /// In the line before a chunk: what it has said of its length, and whether that is all of it.
    Size { bytes: usize, is_said: bool },
    /// So much of a chunk and the end of its last line is to come.
    Chunk(usize),
    /// Behind the line of the last chunk, which is empty: more lines may come, and the end of them.
    Trailers(EndOfHead),
}

impl Default for EndOfChunks {
    fn default() -> Self {
        Self::Size { bytes: 0, is_said: false }
    }
}

impl EndOfChunks {
    const LINE_END: usize = 2;

    /// How many of these bytes come up to the end, if it is in them.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        loop {
            match self {
                Self::Size { bytes, is_said } => {
                    let (byte, behind) = rest.split_first()?;
                    rest = behind;
                    match char::from(*byte).to_digit(16) {
                        _ if *byte == b'\n' => *self = Self::behind_size(*bytes),
                        Some(digit) if !*is_said => {
                            *bytes = bytes.saturating_mul(16).saturating_add(digit as usize);
                        }
                        _ => *is_said = true,
                    }
                }
                Self::Chunk(left) => {
                    let count = rest.len().min(*left);
                    rest = rest.get(count..).unwrap_or_default();
                    *left -= count;
                    if *left > 0 {
                        return None;
                    }
                    *self = Self::default();
                }
                Self::Trailers(end) => {
                    return end.find(rest).map(|count| bytes.len() - rest.len() + count);
                }
            }
        }
    }

    fn behind_size(bytes: usize) -> Self {
        match bytes {
            0 => Self::Trailers(EndOfHead { has_line: true, ..EndOfHead::default() }),
            _ => Self::Chunk(bytes.saturating_add(Self::LINE_END)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;

    /// Where ends are, of bytes that come in parts.
    fn ends(mut find: impl FnMut(&[u8]) -> Option<usize>, parts: &[&[u8]]) -> Vec<usize> {
        let (mut ends, mut before) = (Vec::new(), 0);
        for part in parts {
            let mut rest = *part;
            while let Some(behind) = find(rest).and_then(|end| rest.get(end..)) {
                rest = behind;
                ends.push(before + part.len() - rest.len());
            }
            before += part.len();
        }
        ends
    }

    fn ends_of_heads(parts: &[&[u8]]) -> Vec<usize> {
        let mut end_of_head = EndOfHead::default();
        ends(|bytes| end_of_head.find(bytes), parts)
    }

    fn end_of_chunks(parts: &[&[u8]]) -> Option<usize> {
        let mut end_of_chunks = EndOfChunks::default();
        ends(|bytes| end_of_chunks.find(bytes), parts).first().copied()
    }

    #[test]
    fn a_head_ends_at_an_empty_line_behind_one_that_is_not() {
        for (bytes, expected) in [
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\nbody", vec![27]),
            ("GET / HTTP/1.1\nHost: x\n\nbody", vec![24]),
            ("\r\n\n\r\nGET / HTTP/1.1\n\r\n\r\n", vec![22]),
            ("a\n\nb\r\n\nc\r\r\n\r\n", vec![3, 7, 13]),
            ("a\r\n \r\n\r", vec![]),
            ("\n\n\n", vec![]),
        ] {
            assert_eq!(ends_of_heads(&[bytes.as_bytes()]), expected, "{bytes:?}");
        }
    }

    #[test]
    fn chunks_end_behind_an_empty_one_and_its_trailers_whatever_is_in_them() {
        for (bytes, expected) in [
            ("0\r\n\r\nGET", Some(5)),
            ("00;x=1\r\n\r\n", Some(10)),
            ("4\r\n\n\n0\r\r\n0 \r\nTrailer: x\r\n\r\n", Some(27)),
            ("9 ;b\r\n0\r\n\r\n0\r\n\r\r\n000\r\n\r\n", Some(24)),
            ("5\r\n0\r\n\r\n", None),
            ("ffffffffffffffffff\r\n0\r\n\r\n", None),
            ("0\r\nTrailer: x\r\n", None),
        ] {
            assert_eq!(end_of_chunks(&[bytes.as_bytes()]), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_head_that_names_chunks_is_noticed() {
        for head in ["Transfer-Encoding: chunked\r\n", "transfer-encoding:CHUNKED", "kchunkchunkeD"]
        {
            assert!(names_chunks(head.as_bytes()), "{head}");
        }
        for head in ["", "k", "Cookie: kkk", "chunk", "chunke", "hunked", "Keep-Alive: ok"] {
            assert!(!names_chunks(head.as_bytes()), "{head}");
        }
    }

    /// Two parts of this at any place, or one that is empty.
    fn parts<'a>(bytes: &'a str, place: &Index) -> [&'a [u8]; 2] {
        let (part, rest) = bytes.as_bytes().split_at(place.index(bytes.len() + 1));
        [part, rest]
    }

    proptest! {
        #[test]
        fn they_are_found_wherever_the_bytes_are_parted(
            head in "[a\r\n]{0,24}",
            chunks in "([1-3](;a)?\r\n[0a\r\n]{3}\r\n){0,3}0\r\n(a\r\n){0,2}\r\n",
            place in any::<Index>(),
        ) {
            let whole = [head.as_bytes()];
            prop_assert_eq!(ends_of_heads(&parts(&head, &place)), ends_of_heads(&whole));
            let whole = [chunks.as_bytes()];
            prop_assert_eq!(end_of_chunks(&parts(&chunks, &place)), end_of_chunks(&whole));
        }
    }
}
