//! The strings of a JSON text, as they are written.

use std::ops::Range;

/// A string without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) range: Range<usize>,
    /// The name of the member whose value it is.
    pub(crate) name: Option<Range<usize>>,
}

/// Finds the strings, the names of members among them. Of what is no JSON, whatever stands between quotes.
pub(crate) struct Strings<'j> {
    json: &'j str,
    at: usize,
    /// The last name, if nothing but a colon came since.
    name: Option<Range<usize>>,
}

impl<'j> Strings<'j> {
    pub(crate) fn of(json: &'j str) -> Self {
        Self {
            json,
            at: 0,
            name: None,
        }
    }
}

impl Iterator for Strings<'_> {
    type Item = Text;

    fn next(&mut self) -> Option<Text> {
        let bytes = self.json.as_bytes();
        let rest = bytes.get(self.at..)?;
        let start = self.at + memchr::memchr(b'"', rest)? + 1;
        let end = end_of_string(bytes, start)?;
        let between = bytes.get(self.at..start - 1).unwrap_or_default();
        let name = self.name.take();
        let is_value = between.iter().all(|byte| is_space(*byte) || *byte == b':');
        let mut behind = bytes.get(end + 1..).unwrap_or_default().iter();
        if behind.find(|byte| !is_space(**byte)) == Some(&b':') {
            self.name = Some(start..end);
        }
        self.at = end + 1;
        Some(Text {
            range: start..end,
            name: name.filter(|_| is_value),
        })
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Where the quote is that ends the string which begins here.
fn end_of_string(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_found_with_the_names_of_their_members() {
        let json = r#"{"a": "x\"y", "b" :{"c":["d"],"e":1,"f":""}}"#;
        let found: Vec<_> = Strings::of(json)
            .map(|text| (&json[text.range], text.name.map(|name| &json[name])))
            .collect();
        let expected = [
            ("a", None),
            (r#"x\"y"#, Some("a")),
            ("b", None),
            ("c", None),
            ("d", None),
            ("e", None),
            ("f", None),
            ("", Some("f")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_has_no_end_is_no_string() {
        assert_eq!(Strings::of(r#"{"a\"#).count(), 0);
        assert_eq!(Strings::of("\"\u{20ac}\\").count(), 0);
    }
}
