//! Paths inside entries that have another path on another machine. All else of a text stays as it was
//! written: numbers, escapes, white space.

use std::borrow::Cow;
use std::ops::Range;

use serde::de::IgnoredAny;
use sessiondb::portable::Relocation;

/// How deep JSON in a string in JSON is looked into.
const MAX_DEPTH: u32 = 4;

/// What paths are on the machine that an export is for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rebase {
    pub(crate) relocation: Relocation,
    /// Whether entries are rewritten too.
    pub(crate) in_entries: bool,
}

impl Rebase {
    /// The text of a JSON value.
    pub(crate) fn json<'t>(&self, json: &'t str) -> Cow<'t, str> {
        if !self.in_entries {
            return Cow::Borrowed(json);
        }
        applied(json, edits_in_json(&self.relocation, json, MAX_DEPTH))
    }

    /// One line of a log, if it is a JSON value.
    pub(crate) fn line<'t>(&self, line: &'t [u8]) -> Cow<'t, [u8]> {
        if !self.in_entries {
            return Cow::Borrowed(line);
        }
        match std::str::from_utf8(line) {
            Ok(json) if is_json(json) => match self.json(json) {
                Cow::Borrowed(same) => Cow::Borrowed(same.as_bytes()),
                Cow::Owned(new) => Cow::Owned(new.into_bytes()),
            },
            _ => Cow::Borrowed(line),
        }
    }

    /// A text that is no JSON.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if !self.in_entries {
            return Cow::Borrowed(text);
        }
        applied(text, self.relocation.places_in(text))
    }
}

/// What stands in the place of a part of a text.
type Edit = (Range<usize>, String);

fn applied(text: &str, edits: Vec<Edit>) -> Cow<'_, str> {
    if edits.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut applied = String::with_capacity(text.len());
    let mut at = 0;
    for (place, new) in edits {
        applied.push_str(text.get(at..place.start).unwrap_or_default());
        applied.push_str(&new);
        at = place.end;
    }
    applied.push_str(text.get(at..).unwrap_or_default());
    Cow::Owned(applied)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// In a JSON text, what becomes of its strings, the names of members among them.
fn edits_in_json(relocation: &Relocation, json: &str, depth: u32) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    while let Some(start) = find(json, at, |byte| byte == b'"').map(|quote| quote + 1) {
        let Some(end) = end_of_string(json, start) else {
            break;
        };
        let string = json.get(start..end).unwrap_or_default();
        let moved = edits_in_string(relocation, string, depth).into_iter();
        edits.extend(moved.map(|(place, new)| (place.start + start..place.end + start, new)));
        at = end + 1;
    }
    edits
}

/// In a string as JSON writes it, without its quotes.
fn edits_in_string(relocation: &Relocation, string: &str, depth: u32) -> Vec<Edit> {
    let plain = Plain::of(string);
    let text = &*plain.text;
    let nests = depth > 0 && text.trim_start().starts_with(['{', '[']) && is_json(text);
    let edits = if nests {
        edits_in_json(relocation, text, depth - 1)
    } else {
        relocation.places_in(text)
    };
    let as_written = |(place, new): Edit| {
        let quoted = serde_json::Value::from(new).to_string();
        let inside = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        (
            plain.written(place.start)..plain.written(place.end),
            inside.to_owned(),
        )
    };
    edits.into_iter().map(as_written).collect()
}

fn find(text: &str, from: usize, is: impl Fn(u8) -> bool) -> Option<usize> {
    let rest = text.as_bytes().get(from..)?;
    rest.iter().position(|byte| is(*byte)).map(|at| from + at)
}

/// Where the quote is that ends the string which begins here.
fn end_of_string(json: &str, start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at = find(json, at, |byte| matches!(byte, b'"' | b'\\'))?;
        if json.as_bytes().get(at) == Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// What a string says, and where that is written.
struct Plain<'s> {
    text: Cow<'s, str>,
    /// Behind each escape: where it is in the text, and where as it is written.
    steps: Vec<(usize, usize)>,
}

impl<'s> Plain<'s> {
    fn of(string: &'s str) -> Self {
        if !string.contains('\\') {
            return Self {
                text: Cow::Borrowed(string),
                steps: Vec::new(),
            };
        }
        let (mut text, mut steps) = (String::with_capacity(string.len()), Vec::new());
        let mut at = 0;
        while let Some(escape) = find(string, at, |byte| byte == b'\\') {
            text.push_str(string.get(at..escape).unwrap_or_default());
            let (meant, len) = meant(string.get(escape..).unwrap_or_default());
            text.push(meant);
            at = (escape + len).min(string.len());
            steps.push((text.len(), at));
        }
        text.push_str(string.get(at..).unwrap_or_default());
        Self {
            text: Cow::Owned(text),
            steps,
        }
    }

    /// Where the place in the text is written.
    fn written(&self, at: usize) -> usize {
        let before = self.steps.partition_point(|(text, _)| *text <= at);
        let step = before.checked_sub(1).and_then(|last| self.steps.get(last));
        let (text, written) = step.copied().unwrap_or_default();
        written + (at - text)
    }
}

/// What the escape at the beginning means, and how long it is. Half of a pair of surrogates is no
/// character, but stays as it is written.
fn meant(escape: &str) -> (char, usize) {
    let unit = |at: usize| {
        let digits = escape.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match escape.as_bytes().get(1) {
        Some(b'n') => ('\n', 2),
        Some(b't') => ('\t', 2),
        Some(b'r') => ('\r', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(b'u') => {
            let units = unit(0).into_iter().chain(unit(6));
            match char::decode_utf16(units).next() {
                Some(Ok(c)) => (c, 6 * c.len_utf16()),
                _ => (char::REPLACEMENT_CHARACTER, 6),
            }
        }
        Some(byte) if byte.is_ascii() => (char::from(*byte), 2),
        _ => (char::REPLACEMENT_CHARACTER, 1),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rebase(one: &str) -> Rebase {
        Rebase {
            relocation: one.parse().unwrap(),
            in_entries: true,
        }
    }

    #[test]
    fn strings_are_rewritten_and_all_else_stays() {
        for (json, expected) in [
            (
                r#"{"cwd":"/a/b","n":1.0, "big":12345678901234567890123 ,"e":"\u00e4\/"}"#,
                r#"{"cwd":"/x/b","n":1.0, "big":12345678901234567890123 ,"e":"\u00e4\/"}"#,
            ),
            (r#"{"/a/f":{"v":1}}"#, r#"{"/x/f":{"v":1}}"#),
            (
                r#"["\ud83d \"/a/b\"\n\/a\/c"]"#,
                r#"["\ud83d \"/x/b\"\n/x\/c"]"#,
            ),
            (
                r#"{"arguments":"{\"workdir\":\"/a/b\",\"n\":1.50}"}"#,
                r#"{"arguments":"{\"workdir\":\"/x/b\",\"n\":1.50}"}"#,
            ),
            (r#"{"t":"/ab /y/a"}"#, r#"{"t":"/ab /y/a"}"#),
        ] {
            assert_eq!(rebase("/a=/x").json(json), expected);
        }
    }

    #[test]
    fn a_backslash_is_escaped_as_deep_as_it_stands() {
        let json = r#"{"cwd":"/a/b","arguments":"{\"dir\":\"/a/b\"}"}"#;
        let moved = rebase(r"/a=C:\x").json(json).into_owned();
        let value: serde_json::Value = serde_json::from_str(&moved).unwrap();
        assert_eq!(value["cwd"], r"C:\x\b");
        let nested: serde_json::Value =
            serde_json::from_str(value["arguments"].as_str().unwrap()).unwrap();
        assert_eq!(nested["dir"], r"C:\x\b");
    }

    #[test]
    fn a_line_that_is_no_json_stays() {
        assert_eq!(&*rebase("/a=/x").line(b"\"/a/b"), b"\"/a/b");
        assert_eq!(&*rebase("/a=/x").line(b" \"/a/b\"\r"), b" \"/x/b\"\r");
    }

    proptest! {
        #[test]
        fn what_is_rewritten_means_what_it_should(text in "(/a|/b|[\"\\\\{}:, nu0é😀]){0,12}") {
            let json = serde_json::to_string(&text).unwrap();
            let moved: String = serde_json::from_str(&rebase("/a=/x").json(&json)).unwrap();
            if !is_json(&text) {
                prop_assert_eq!(&*moved, &*rebase("/a=/x").text(&text));
            }
            let back = rebase("/q=/x");
            prop_assert_eq!(&*back.json(&json), &*json);
        }
    }
}
