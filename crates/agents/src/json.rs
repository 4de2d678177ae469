//! JSON as it stands in the text: found, stepped through and read without building a value.
//!
//! A log holds what other programs wrote, in versions that nobody here has seen. So this reader
//! takes what it can get: a key that is there twice counts with its last value, half of a surrogate
//! pair becomes U+FFFD, a number may be of any length, a text that ends too early ends its values.
//! What is missing or of another type is `None` where it is asked for, and costs no other field.
//! It is a loop over the bytes, so no nesting is too deep.

use std::borrow::Cow;

mod compact;
mod grammar;
mod members;
mod read;
mod scan;
mod skip;
mod string;
mod text;
mod write;

pub use compact::compact;
pub(crate) use members::members;
pub(crate) use read::{List, Read, object, object_field, object_struct, read_object};
pub(crate) use scan::Index;
use skip::{find_quote_or_backslash, skip_blanks, skip_separators, skip_value};
pub(crate) use text::Text;
pub(crate) use write::{ObjectText, array_text, quoted};

/// A value as it was written, or nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// The first value of `text`.
    pub(crate) fn new(text: &'a str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let from = skip_blanks(text.as_bytes(), 0);
        Self(slice(text, from, skip_value(text.as_bytes(), from)))
    }

    /// How it was written, without the blanks around it.
    pub(crate) fn as_str(self) -> &'a str {
        self.0
    }

    pub(crate) fn is_missing(self) -> bool {
        self.0.is_empty()
    }

    /// Missing, or `null`.
    pub(crate) fn is_null(self) -> bool {
        self.0.is_empty() || self.0 == "null"
    }

    pub(crate) fn is_object(self) -> bool {
        self.0.starts_with('{')
    }

    pub(crate) fn is_array(self) -> bool {
        self.0.starts_with('[')
    }

    pub(crate) fn is_string(self) -> bool {
        self.0.starts_with('"')
    }

    /// The members of an object, in their order; none of anything else.
    pub(crate) fn fields(self) -> Fields<'a> {
        let at = if self.is_object() { 1 } else { self.0.len() };
        let text = Text::plain(self.0);
        Fields { text, at }
    }

    /// The same, with the keys as they were written.
    pub(crate) fn fields_as_written(self) -> impl Iterator<Item = (Raw<'a>, Raw<'a>)> {
        let mut fields = self.fields();
        std::iter::from_fn(move || fields.next_as_written())
    }

    /// The elements of an array, in their order; none of anything else.
    pub(crate) fn elements(self) -> Elements<'a> {
        let at = if self.is_array() { 1 } else { self.0.len() };
        let text = Text::plain(self.0);
        Elements { text, at }
    }

    /// The member of an object that has this key. For one key; for several there is [`object`].
    pub(crate) fn get(self, key: &str) -> Raw<'a> {
        self.fields()
            .filter(|(name, _)| name == key)
            .last()
            .map_or_else(Raw::default, |(_, value)| value)
    }

    /// A string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        self.text_to(usize::MAX)
    }

    /// The first characters of a string, at most so many.
    pub(crate) fn text_to(self, chars: usize) -> Option<Cow<'a, str>> {
        let inside = self.0.strip_prefix('"')?;
        Some(string::decode(string::without_quote(inside), chars))
    }

    /// A string that has anything in it.
    pub(crate) fn full_text(self) -> Option<Cow<'a, str>> {
        self.text().filter(|text| !text.is_empty())
    }

    /// A string, owned.
    pub(crate) fn string(self) -> Option<String> {
        self.text().map(Cow::into_owned)
    }

    /// Whether it is this string.
    pub(crate) fn is(self, text: &str) -> bool {
        let own = if text.len() > 40 {
            self.text()
        } else {
            self.short_text()
        };
        own.is_some_and(|own| own == text)
    }

    /// A string of which only the beginning matters, such as the name of a kind.
    pub(crate) fn short_text(self) -> Option<Cow<'a, str>> {
        let inside = self.0.strip_prefix('"')?;
        match inside.strip_suffix('"') {
            Some(plain) if plain.len() <= 40 && !plain.as_bytes().contains(&b'\\') => {
                Some(Cow::Borrowed(plain))
            }
            _ => self.text_to(41),
        }
    }

    pub(crate) fn is_true(self) -> bool {
        self.0 == "true"
    }

    /// A number without its fraction.
    pub(crate) fn integer(self) -> Option<i64> {
        let whole = self.0.parse().ok();
        whole.or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the cast keeps within bounds"
            )]
            self.float().map(|number| number as i64)
        })
    }

    /// A number of things: what is negative is none.
    pub(crate) fn count(self) -> Option<u64> {
        let whole = self.0.parse().ok();
        whole.or_else(|| Some(u64::try_from(self.integer()?).unwrap_or(0)))
    }

    /// A number that is finite.
    pub(crate) fn float(self) -> Option<f64> {
        if !self
            .0
            .starts_with(|first: char| first == '-' || first.is_ascii_digit())
        {
            return None;
        }
        let number: f64 = self.0.parse().ok()?;
        number.is_finite().then_some(number)
    }
}

/// Steps through an object.
pub(crate) struct Fields<'a> {
    text: Text<'a>,
    at: usize,
}

impl<'a> Fields<'a> {
    /// The next key, and where its value begins. What comes next is looked for at `at`, which the
    /// caller sets behind the value.
    #[inline]
    fn next_key(&mut self) -> Option<(Key<'a>, usize)> {
        let bytes = self.text.bytes();
        let from = skip_separators(bytes, self.at);
        self.at = from;
        if bytes.get(from) != Some(&b'"') {
            return None;
        }
        let special = find_quote_or_backslash(bytes, from + 1);
        let is_plain = bytes.get(special) == Some(&b'"');
        let to = if is_plain {
            special + 1
        } else {
            self.text.skip_string(from)
        };
        let colon = skip_blanks(bytes, to);
        if bytes.get(colon) != Some(&b':') {
            return None;
        }
        let raw = Raw(self.text.slice(from, to));
        Some((Key { raw, is_plain }, skip_blanks(bytes, colon + 1)))
    }

    fn next_as_written(&mut self) -> Option<(Raw<'a>, Raw<'a>)> {
        let (key, value) = self.next_key()?;
        let (value, end) = Raw::read_at(self.text, value);
        self.at = end;
        Some((key.raw, value))
    }
}

/// The key of a field.
#[derive(Clone, Copy)]
struct Key<'a> {
    raw: Raw<'a>,
    /// Whether there is no escape in it.
    is_plain: bool,
}

impl<'a> Key<'a> {
    #[inline]
    fn text(self) -> Cow<'a, str> {
        if self.is_plain {
            let raw = self.raw.0;
            return Cow::Borrowed(slice(raw, 1, raw.len() - 1));
        }
        self.raw.text().unwrap_or_default()
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (Cow<'a, str>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (key, value) = self.next_key()?;
        let (value, end) = Raw::read_at(self.text, value);
        self.at = end;
        Some((key.text(), value))
    }
}

/// Steps through an array.
pub(crate) struct Elements<'a> {
    text: Text<'a>,
    at: usize,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let from = skip_separators(self.text.bytes(), self.at);
        let (value, end) = Raw::read_at(self.text, from);
        self.at = end;
        if value.is_missing() {
            self.at = self.text.bytes().len();
            return None;
        }
        Some(value)
    }
}

/// All that is cut at stands before or after a character of ASCII.
fn slice(text: &str, from: usize, to: usize) -> &str {
    text.get(from..to).unwrap_or_default()
}

/// Whether it is one JSON value from its beginning to its end.
pub(crate) fn is_whole(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}

/// The text of an entry; what is not UTF-8 in it becomes U+FFFD.
pub(crate) fn decoded(entry: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(entry) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    object! { Entry { kind: "type", number: "n", list: "list" } }

    #[test]
    fn what_is_there_is_found_and_the_rest_is_nothing() {
        let entry = Entry::read(Raw::new(
            r#" { "type" : "a\nb" , "x":{"type":[1,"}"]}, "n":1e999,"n": 12.7, "list":[1, {"a":"]"} ,"é"] } "#,
        ));
        assert_eq!(entry.kind.text().as_deref(), Some("a\nb"));
        assert_eq!(
            (entry.number.integer(), entry.number.text()),
            (Some(12), None)
        );
        let list: Vec<_> = entry.list.elements().map(Raw::as_str).collect();
        assert_eq!(list, ["1", r#"{"a":"]"}"#, "\"é\""]);
        assert!(Raw::new("7").fields().next().is_none());
        assert!(Raw::new("{}").get("a").is_missing());
    }

    #[test]
    fn a_torn_text_ends_its_values() {
        let entry = Entry::read(Raw::new(r#"{"n":3,"type":"us"#));
        assert_eq!((entry.number.count(), entry.kind.is("us")), (Some(3), true));
        assert!(Entry::read(Raw::new(r#"{"n""#)).number.is_missing());
    }

    #[test]
    fn strings_are_read_whatever_stands_in_them() {
        let read = |text: &str| Raw::new(text).string();
        assert_eq!(
            read(r#""\ud83d\ude00 \ud83d \u00e9\/\q""#).unwrap(),
            "😀 \u{fffd} é/q"
        );
        assert_eq!(read(r#""a\"#).unwrap(), "a");
        assert_eq!(read(r#""\u12"#).unwrap(), "\u{fffd}");
        assert_eq!(Raw::new(r#""héllo\n""#).text_to(3).unwrap(), "hél");
        assert_eq!(read("12"), None);
    }

    #[test]
    fn no_nesting_is_too_deep() {
        let deep = "[{\"a\":".repeat(1_000_000);
        assert_eq!(Raw::new(&deep).elements().count(), 1);
    }
}
