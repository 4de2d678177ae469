//! The marker entry that stands for a line that is not an entry (`BadLines::Keep`), and the way
//! back to the line's bytes.

use std::borrow::Cow;

/// The marker's `kind`.
pub(super) const KIND: &str = "sessiondb_bad_line";

const TEXT: &str = r#"{"kind":"sessiondb_bad_line","text":"#;
const HEX: &str = r#"{"kind":"sessiondb_bad_line","hex":""#;

/// Makes the marker of a line: its text, or its bytes in hex if it is not UTF-8.
pub(super) fn encode(line: &[u8]) -> Vec<u8> {
    let marker = match std::str::from_utf8(line) {
        Ok(text) => format!("{TEXT}{}}}", serde_json::Value::from(text)),
        Err(_) => format!("{HEX}{}\"}}", hex(line)),
    };
    marker.into_bytes()
}

/// Whether an entry begins as the marker of a line does.
pub(super) fn may_be_marker(entry: &[u8]) -> bool {
    [TEXT, HEX]
        .iter()
        .any(|marker| entry.starts_with(marker.as_bytes()))
}

/// Returns the line that an entry is the marker of; `None` if the entry is not exactly what
/// [`encode`] makes of a line.
pub(super) fn decode(entry: &[u8]) -> Option<Vec<u8>> {
    let line = if let Some(rest) = entry.strip_prefix(TEXT.as_bytes()) {
        let text: String = serde_json::from_slice(rest.strip_suffix(b"}")?).ok()?;
        text.into_bytes()
    } else {
        let digits = entry.strip_prefix(HEX.as_bytes())?.strip_suffix(b"\"}")?;
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<_>>()?
    };
    (!line.contains(&b'\n') && encode(&line) == entry).then_some(line)
}

/// The line that an entry came from: the entry itself, or the line that
/// [`BadLines::Keep`](super::BadLines::Keep) put into it.
///
/// ```
/// use sessiondb::jsonl::line_of;
///
/// assert_eq!(*line_of(br#"{"kind":"invoke"}"#), *br#"{"kind":"invoke"}"#);
/// assert_eq!(*line_of(br#"{"kind":"sessiondb_bad_line","text":"to"}"#), *b"to");
/// ```
pub fn line_of(entry: &[u8]) -> Cow<'_, [u8]> {
    decode(entry).map_or(Cow::Borrowed(entry), Cow::Owned)
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15].map(digit))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_line_comes_back(line in prop_oneof![
            proptest::collection::vec(any::<u8>().prop_filter("line end", |b| *b != b'\n'), 0..64),
            "[^\n]{0,32}".prop_map(String::into_bytes),
        ]) {
            let marker = encode(&line);
            let value: serde_json::Value = serde_json::from_slice(&marker).unwrap();
            prop_assert_eq!(&value["kind"], KIND);
            prop_assert_eq!(decode(&marker), Some(line.clone()));
            // Markers nest: that of a marker gives the marker back.
            prop_assert_eq!(decode(&encode(&marker)), Some(marker));
        }
    }

    #[test]
    fn what_is_not_exactly_a_marker_is_left_as_it_is() {
        for entry in [
            r#"{"kind":"sessiondb_bad_line"}"#,
            r#"{"kind":"sessiondb_bad_line","text":"a" }"#,
            r#"{"kind":"sessiondb_bad_line","text":"a","more":1}"#,
            r#"{"kind":"sessiondb_bad_line","text":"a\nb"}"#,
            r#"{"kind":"sessiondb_bad_line","text":"\u0061"}"#,
            r#"{"kind":"sessiondb_bad_line","hex":"fff"}"#,
            r#"{"kind":"sessiondb_bad_line","hex":"FF"}"#,
            r#"{"kind":"sessiondb_bad_line","hex":"61"}"#,
            r#"{"kind":"sessiondb_bad_line","hex":"+f"}"#,
            r#"{"kind":"invoke"}"#,
        ] {
            assert_eq!(decode(entry.as_bytes()), None, "{entry}");
        }
    }
}
