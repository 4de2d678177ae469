//! The word filter of a run: it never says no for words that are in the run, however they are escaped, and any bytes
//! as a filter give an answer or a message.
//!
//! The first byte of the input says which letters of the rest, a text, are escaped by their number.

use std::fmt::Write as _;

use sessiondb::testing::{filter_may_have, filter_of_run_may_have};

/// In a stretch of words with nothing but one `+` or `/` between them, what stands behind as many bytes is data, and
/// no word. So texts are shorter.
const DATA_BYTES: usize = 256;

pub(crate) fn check(data: &[u8]) {
    let Some((pattern, rest)) = data.split_first() else {
        return;
    };
    let _ = filter_may_have(rest, "word");
    let _ = filter_of_run_may_have(rest, "word");
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    for text in text.split('\u{1}') {
        let mut end = text.len().min(DATA_BYTES / 4);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = &text[..end];
        let plain = serde_json::to_string(text).expect("a text can be written");
        let nested = serde_json::to_string(&plain).expect("a text can be written");
        let escaped = escaped(text, *pattern);
        let joined = [&plain, &nested, &escaped].map(String::as_str).join("\n");
        for entries in [&plain, &nested, &escaped, &joined] {
            let answer = filter_of_run_may_have(entries.as_bytes(), text);
            assert_ne!(answer, Some(false), "{text:?} is in {entries}");
        }
    }
}

/// The text as JSON, in which characters are escaped by their number where the pattern has a bit.
fn escaped(text: &str, pattern: u8) -> String {
    let mut json = String::from('"');
    for (at, c) in text.chars().enumerate() {
        if pattern >> (at % 8) & 1 == 0 && !matches!(c, '"' | '\\' | '\0'..='\u{1f}') {
            json.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(json, "\\u{unit:04x}");
        }
    }
    json + "\""
}
