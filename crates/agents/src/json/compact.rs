//! JSON without the blanks between its parts.

use super::skip::skip_string;

/// The same JSON without blanks outside strings: numbers, escapes, keys and their order stay as
/// they were written.
///
/// ```
/// assert_eq!(sessiondb_agents::compact(r#"{ "a b" : [ 1.0e+3 ] }"#), r#"{"a b":[1.0e+3]}"#);
/// ```
pub fn compact(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = skip_string(bytes, at).min(bytes.len()),
            b' ' | b'\n' | b'\r' | b'\t' => {
                kept.push_str(text.get(from..at).unwrap_or_default());
                at += 1;
                from = at;
            }
            _ => at += 1,
        }
    }
    kept.push_str(text.get(from..).unwrap_or_default());
    kept
}

#[cfg(test)]
mod tests {
    use super::compact;

    #[test]
    fn only_blanks_between_the_parts_go() {
        let text = "{ \"a b\" : [ 1.0e+3 ,\n\t\"\\\" x\" ] ,\r\"a b\":0.10 }";
        assert_eq!(compact(text), r#"{"a b":[1.0e+3,"\" x"],"a b":0.10}"#);
    }
}
