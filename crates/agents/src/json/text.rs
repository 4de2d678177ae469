//! A text that is read from front to end, with or without an index of it.

use super::scan::Index;
use super::skip::{skip_string, skip_value};
use super::slice;

/// A text, and where its strings and brackets stand, if that was looked up. With that it is one JSON value.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    text: &'a str,
    index: Option<&'a Index>,
}

impl<'a> Text<'a> {
    pub(crate) fn plain(text: &'a str) -> Self {
        Self { text, index: None }
    }

    /// `index` has found this text to be one JSON value.
    pub(crate) fn scanned(text: &'a str, index: &'a Index) -> Self {
        let index = Some(index);
        Self { text, index }
    }

    pub(crate) fn as_str(self) -> &'a str {
        self.text
    }

    pub(super) fn bytes(self) -> &'a [u8] {
        self.text.as_bytes()
    }

    pub(super) fn slice(self, from: usize, to: usize) -> &'a str {
        slice(self.text, from, to)
    }

    /// As [`skip_string`].
    #[inline]
    pub(super) fn skip_string(self, from: usize) -> usize {
        match self.index {
            Some(index) => index.string_end(from).unwrap_or(self.text.len()),
            None => skip_string(self.bytes(), from),
        }
    }

    /// As [`skip_value`].
    #[inline]
    pub(super) fn skip_value(self, from: usize) -> usize {
        let bytes = self.bytes();
        match (bytes.get(from), self.index) {
            (Some(b'"'), Some(_)) => self.skip_string(from),
            (Some(b'{' | b'['), Some(index)) => {
                index.nested_end(bytes, from).unwrap_or(bytes.len())
            }
            _ => skip_value(bytes, from),
        }
    }
}
