//! Reading several fields, and those of what is inside, in one pass over the text.

use super::skip::{skip_blanks, skip_separators};
use super::{Fields, Raw, Text};

/// What can be read where a value begins.
pub(crate) trait Read<'a>: Default {
    /// The value at `at`, and where it ends.
    fn read_at(text: Text<'a>, at: usize) -> (Self, usize);

    /// The first value of a text.
    fn read_first(text: Text<'a>) -> Self {
        let mark = if text.as_str().starts_with('\u{feff}') {
            3
        } else {
            0
        };
        Self::read_at(text, skip_blanks(text.bytes(), mark)).0
    }
}

impl<'a> Read<'a> for Raw<'a> {
    fn read_at(text: Text<'a>, at: usize) -> (Self, usize) {
        let end = text.skip_value(at);
        (Self(text.slice(at, end)), end)
    }
}

/// An array whose elements were read, or whatever else stands in its place.
#[derive(Debug, Clone)]
pub(crate) struct List<'a, T> {
    /// The whole of it, as it was written.
    pub(crate) raw: Raw<'a>,
    pub(crate) items: Vec<T>,
}

impl<T> Default for List<'_, T> {
    fn default() -> Self {
        Self {
            raw: Raw::default(),
            items: Vec::new(),
        }
    }
}

impl<'a, T: Read<'a>> Read<'a> for List<'a, T> {
    fn read_at(text: Text<'a>, at: usize) -> (Self, usize) {
        let bytes = text.bytes();
        let mut items = Vec::new();
        let is_array = bytes.get(at) == Some(&b'[');
        let mut from = at + 1;
        let end = loop {
            if !is_array {
                break text.skip_value(at);
            }
            from = skip_separators(bytes, from);
            if bytes.get(from) == Some(&b']') {
                break from + 1;
            }
            let (item, end) = T::read_at(text, from);
            if end == from {
                break text.skip_value(at);
            }
            items.push(item);
            from = end;
        };
        let raw = Raw(text.slice(at, end));
        (Self { raw, items }, end)
    }
}

/// Reads the object at `at`: `field` is asked for each key, with the place of its value, and says
/// where that ends. Gives the object as it was written and where it ends.
pub(crate) fn read_object(
    text: Text<'_>,
    at: usize,
    mut field: impl FnMut(&str, usize) -> Option<usize>,
) -> (Raw<'_>, usize) {
    let bytes = text.bytes();
    let mut whole = None;
    if bytes.get(at) == Some(&b'{') {
        let mut fields = Fields { text, at: at + 1 };
        while let Some((key, value)) = fields.next_key() {
            let end = field(&key.text(), value);
            fields.at = end.unwrap_or_else(|| text.skip_value(value));
        }
        let end = skip_separators(bytes, fields.at);
        whole = (bytes.get(end) == Some(&b'}')).then_some(end + 1);
    }
    let end = whole.unwrap_or_else(|| text.skip_value(at));
    (Raw(text.slice(at, end)), end)
}

/// Reads an object in one pass into a struct. Its fields are [`Raw`], or, behind an `as`, another
/// such struct or list; `raw` is the object as it was written.
///
/// One that begins with `with lists;` can be cloned, the others copied.
macro_rules! object {
    ($(#[$meta:meta])* with lists; $name:ident { $($fields:tt)* }) => {
        $crate::json::object_struct! { $(#[$meta])* #[derive(Debug, Clone, Default)] $name { $($fields)* } }
    };
    ($(#[$meta:meta])* $name:ident { $($fields:tt)* }) => {
        $crate::json::object_struct! { $(#[$meta])* #[derive(Debug, Clone, Copy, Default)] $name { $($fields)* } }
    };
}
pub(crate) use object;

macro_rules! object_struct {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $key:literal $(as $kind:ident)?),* $(,)? }) => {
        $(#[$meta])*
        struct $name<'a> {
            #[allow(dead_code, reason = "not every kind of object is asked for it")]
            raw: $crate::json::Raw<'a>,
            $($field: $crate::json::object_field!($($kind)?),)*
        }

        impl<'a> $name<'a> {
            #[allow(dead_code, reason = "those that are inside others are read with them")]
            fn read(raw: $crate::json::Raw<'a>) -> Self {
                <Self as $crate::json::Read<'a>>::read_at($crate::json::Text::plain(raw.as_str()), 0).0
            }
        }

        impl<'a> $crate::json::Read<'a> for $name<'a> {
            fn read_at(text: $crate::json::Text<'a>, at: usize) -> (Self, usize) {
                let mut object = Self::default();
                let (raw, end) = $crate::json::read_object(text, at, |key, value| match key {
                    $($key => {
                        let (read, end) = $crate::json::Read::read_at(text, value);
                        object.$field = read;
                        Some(end)
                    })*
                    _ => None,
                });
                object.raw = raw;
                (object, end)
            }
        }
    };
}
pub(crate) use object_struct;

macro_rules! object_field {
    () => { $crate::json::Raw<'a> };
    ($kind:ident) => { $kind<'a> };
}
pub(crate) use object_field;
