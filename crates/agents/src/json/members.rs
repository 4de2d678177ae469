//! The members of an object as they were written, for texts that are taken apart and joined again.

use super::skip::{skip_blanks, skip_string};
use super::{Raw, skip_separators, slice, value_at};

/// A member of an object: its key with quotes and escapes as they were written, and its value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member<'a> {
    pub(crate) key: Raw<'a>,
    pub(crate) value: Raw<'a>,
}

/// The members of an object in their order, those with a key that is there twice too; none of
/// anything else.
pub(crate) fn members(object: Raw<'_>) -> Vec<Member<'_>> {
    let text = object.as_str();
    let bytes = text.as_bytes();
    let mut members = Vec::new();
    let mut at = if object.is_object() { 1 } else { text.len() };
    loop {
        let from = skip_separators(bytes, at);
        if bytes.get(from) != Some(&b'"') {
            return members;
        }
        let to = skip_string(bytes, from);
        let colon = skip_blanks(bytes, to);
        if bytes.get(colon) != Some(&b':') {
            return members;
        }
        let (value, end) = value_at(text, colon + 1);
        let key = Raw(slice(text, from, to));
        members.push(Member { key, value });
        at = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_as_they_were_written() {
        let object = Raw::new(r#"{ "\u0061":1, "a" : [2] ,"\ud800":{}}"#);
        let found = members(object);
        let found: Vec<_> = found
            .iter()
            .map(|member| (member.key.as_str(), member.value.as_str()))
            .collect();
        let expected = [
            (r#""\u0061""#, "1"),
            (r#""a""#, "[2]"),
            (r#""\ud800""#, "{}"),
        ];
        assert_eq!(found, expected);
        assert!(members(Raw::new("[1]")).is_empty());
    }
}
