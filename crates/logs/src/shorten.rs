//! A very large entry for a summary: its long strings cut off, so that it takes little memory.

use std::io::{self, Read};
use std::ops::ControlFlow;

use sessiondb::StoreError;
use sessiondb::archive::RawEntries;

/// How much of a string is kept (64 KiB): more than any summary shows.
const MOST_STRING_BYTES: usize = 64 << 10;
/// The longest entry that is summed up. Of one that has more even so, nothing is known.
const MOST_BYTES: usize = 8 << 20;
/// How much is read at a time.
const PART_BYTES: usize = 256 << 10;

/// Reads a JSON value to its end: the same value with strings that are not as long, and how many bytes it had.
pub(crate) fn shortened(json: &mut dyn Read) -> io::Result<(Vec<u8>, u64)> {
    let (mut short, mut len) = (Short::new(MOST_STRING_BYTES), 0);
    let mut part = vec![0; PART_BYTES];
    loop {
        let read = match json.read(&mut part) {
            Ok(0) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        len += read as u64;
        for byte in part.iter().take(read) {
            short.push(*byte);
        }
        if short.json.len() > MOST_BYTES {
            let rest = io::copy(json, &mut io::sink())?;
            return Ok((b"null".to_vec(), len + rest));
        }
    }
    Ok((short.json, len))
}

/// Calls `take` with each entry, those of more than 4 MiB shortened, for as long as it wants more.
pub(crate) fn each_short(
    mut entries: RawEntries,
    mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    while let Some(reader) = entries.next_reader() {
        let mut reader = reader?;
        let taken = match reader.whole() {
            Some(entry) => take(entry),
            None => take(&shortened(&mut reader).map_err(stored)?.0),
        };
        if taken.is_break() {
            break;
        }
    }
    Ok(())
}

/// The error of the archive that reading an entry failed with.
fn stored(error: io::Error) -> StoreError {
    match error.downcast::<StoreError>() {
        Ok(error) => error,
        Err(error) => error.into(),
    }
}

/// JSON without the ends of long strings.
struct Short {
    json: Vec<u8>,
    most: usize,
    /// How many bytes of a string there are, in one.
    string: Option<usize>,
    /// How many bytes belong to the escape that has begun.
    escape: u8,
    /// Whether the character before was the first half of two that are escaped.
    is_half: bool,
    /// Whether the rest of the string is left out.
    leaves_out: bool,
}

impl Short {
    fn new(most: usize) -> Self {
        Self {
            json: Vec::new(),
            most,
            string: None,
            escape: 0,
            is_half: false,
            leaves_out: false,
        }
    }

    fn push(&mut self, byte: u8) {
        let Some(len) = self.string else {
            self.json.push(byte);
            if byte == b'"' {
                self.string = Some(0);
            }
            return;
        };
        let begins = self.escape == 0 && !(0x80..0xc0).contains(&byte);
        if begins && byte == b'"' {
            self.json.push(byte);
            self.string = None;
            (self.leaves_out, self.is_half) = (false, false);
            return;
        }
        // Never within a character, nor between the halves of one.
        self.leaves_out |= begins && len >= self.most && !self.is_half;
        self.string = Some(len + 1);
        if !self.leaves_out {
            self.json.push(byte);
        }
        self.follow_escape(byte);
    }

    fn follow_escape(&mut self, byte: u8) {
        match (self.escape, byte) {
            (0, b'\\') => self.escape = 1,
            (0, _) => self.is_half = false,
            // Behind the `u` come four digits.
            (1, b'u') => self.escape = 6,
            (1, _) => (self.escape, self.is_half) = (0, false),
            (3, _) => {
                self.escape = 0;
                self.ends_escape();
            }
            (left, _) => self.escape = left - 1,
        }
    }

    /// Looks whether the escape that has just ended is the first half of two.
    fn ends_escape(&mut self) {
        let digits = self.json.last_chunk::<4>();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let code = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.is_half =
            !self.leaves_out && code.is_some_and(|code| (0xd800..0xdc00).contains(&code));
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let text = "[a-zé中😀\\n\\\\\"]{0,40}";
        let leaf = prop_oneof![
            text.prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null)
        ];
        leaf.prop_recursive(3, 20, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text, inner, 0..4)
                    .prop_map(|map| map.into_iter().collect::<serde_json::Map<_, _>>().into()),
            ]
        })
    }

    /// Characters beyond ASCII escaped, as some writers have them.
    fn escaped(json: &str) -> String {
        let mut out = String::new();
        for c in json.chars() {
            if c.is_ascii() {
                out.push(c);
            } else {
                for half in c.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{half:04x}").unwrap();
                }
            }
        }
        out
    }

    /// Whether it is the same but for the ends of strings.
    fn is_short_of(short: &Value, value: &Value, most: usize) -> bool {
        match (short, value) {
            (Value::String(short), Value::String(value)) => {
                value.starts_with(short.as_str())
                    && (short == value || short.len() * 6 + 12 >= most)
            }
            (Value::Array(short), Value::Array(value)) => {
                short.len() == value.len()
                    && short
                        .iter()
                        .zip(value)
                        .all(|(short, value)| is_short_of(short, value, most))
            }
            (short, value) => short == value,
        }
    }

    proptest! {
        #[test]
        fn what_is_left_is_the_same_but_for_the_ends_of_strings(values in prop::collection::vec("[a-zé中😀\\n\\\\\"]{0,40}", 0..6), most in 1..60_usize, escapes in any::<bool>()) {
            let value = Value::from(values);
            let json = value.to_string();
            let json = if escapes { escaped(&json) } else { json };
            let mut short = Short::new(most);
            json.bytes().for_each(|byte| short.push(byte));
            let read: Value = serde_json::from_slice(&short.json).unwrap();
            prop_assert!(is_short_of(&read, &value, most), "{json} became {read}");
        }

        #[test]
        fn what_has_no_long_string_is_left_as_it_is(value in value()) {
            let json = value.to_string();
            let (short, len) = shortened(&mut json.as_bytes()).unwrap();
            prop_assert_eq!(short, json.as_bytes());
            prop_assert_eq!(len, json.len() as u64);
        }
    }

    #[test]
    fn of_what_is_too_long_even_so_nothing_is_known() {
        let json = format!("[{}0]", "0,".repeat(MOST_BYTES));
        let (short, len) = shortened(&mut json.as_bytes()).unwrap();
        assert_eq!((short, len), (b"null".to_vec(), json.len() as u64));
    }
}
