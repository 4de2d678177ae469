//! The JSON values in a text.

use std::fmt;

use serde::de::IgnoredAny;
use serde_json::StreamDeserializer;
use serde_json::de::StrRead;

/// Whether the line holds nothing but JSON's white space.
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// The number of JSON values in a line that consists of nothing else.
pub(super) fn count_values(text: &str) -> Option<u64> {
    let mut values = 0_u64;
    for value in serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        value.ok()?;
        values = values.saturating_add(1);
    }
    Some(values)
}

/// Whether the bytes are one JSON value.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes);
    text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The values of a line that holds several, without the white space between them.
pub(super) struct Values<'a> {
    text: &'a str,
    stream: StreamDeserializer<'a, StrRead<'a>, IgnoredAny>,
}

impl<'a> Values<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            stream: serde_json::Deserializer::from_str(text).into_iter(),
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.stream.byte_offset();
        self.stream.next()?.ok()?;
        let value = self.text.get(start..self.stream.byte_offset())?;
        Some(value.trim_matches([' ', '\t', '\r']).as_bytes())
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("text", &self.text)
            .field("byte_offset", &self.stream.byte_offset())
            .finish()
    }
}
