//! Which bytes an entry has if a pattern is in what it says: so most entries need not be parsed.

use memchr::memmem::Finder;
use regex::bytes::{Regex, RegexBuilder};

use crate::pattern::Pattern;

/// Finds the entries that may match in their bytes.
#[derive(Debug, Clone)]
pub(crate) struct Prefilter {
    bytes: Bytes,
    /// Whether what is looked for has letters beyond ASCII, which JSON may escape.
    is_wide: bool,
    /// Finds escapes by number, unless these are not undone.
    escapes: Option<Finder<'static>>,
}

#[derive(Debug, Clone)]
enum Bytes {
    /// Just these.
    Exact(Box<Finder<'static>>),
    /// Without regard to case.
    AnyCase(Regex),
}

impl Prefilter {
    /// For texts whose escapes are undone. `None` if there is nothing that every match has in its bytes.
    pub(crate) fn of_texts(pattern: &Pattern) -> Option<Self> {
        let literals = pattern.literals.iter();
        let pieces = literals.flat_map(|text| text.split(is_escaped));
        Self::of_piece(pieces.max_by_key(|piece| rarity(piece))?, pattern)
    }

    /// For the bytes themselves.
    pub(crate) fn of_bytes(pattern: &Pattern) -> Option<Self> {
        let literals = pattern.literals.iter();
        let piece = literals.max_by_key(|piece| piece.len())?;
        Some(Self {
            escapes: None,
            ..Self::of_piece(piece, pattern)?
        })
    }

    fn of_piece(piece: &str, pattern: &Pattern) -> Option<Self> {
        if piece.is_empty() {
            return None;
        }
        let bytes = if pattern.ignores_case && piece.chars().any(char::is_alphabetic) {
            let regex = RegexBuilder::new(&regex::escape(piece))
                .case_insensitive(true)
                .build();
            Bytes::AnyCase(regex.ok()?)
        } else {
            Bytes::Exact(Box::new(Finder::new(piece.as_bytes()).into_owned()))
        };
        Some(Self {
            bytes,
            is_wide: !piece.is_ascii(),
            escapes: Some(Finder::new(b"\\u").into_owned()),
        })
    }

    /// Where the next entry may match from that byte of the lines on.
    pub(crate) fn next(&self, lines: &[u8], from: usize) -> Option<usize> {
        let rest = lines.get(from..)?;
        let found = match &self.bytes {
            Bytes::Exact(finder) => finder.find(rest),
            Bytes::AnyCase(regex) => regex.find(rest).map(|found| found.start()),
        };
        found.map(|at| from + at)
    }

    /// Where the next character stands that is written as an escape though it need not be, and which could be one of
    /// those that are looked for.
    pub(crate) fn next_escaped(&self, lines: &[u8], mut from: usize) -> Option<usize> {
        let escapes = self.escapes.as_ref()?;
        while let Some(at) = lines.get(from..).and_then(|rest| escapes.find(rest)) {
            let at = from + at;
            let digits = lines.get(at + 2..at + 6).unwrap_or_default();
            if self.may_be_sought(digits) {
                return Some(at);
            }
            from = at + 2;
        }
        None
    }

    fn may_be_sought(&self, digits: &[u8]) -> bool {
        let digits = std::str::from_utf8(digits).ok();
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.and_then(char::from_u32) {
            // The two letters beyond ASCII that are letters of it in another case.
            Some('\u{17f}' | '\u{212a}') => true,
            Some(c) if c.is_ascii() => !is_escaped(c),
            // One beyond ASCII, or half of one.
            _ => self.is_wide,
        }
    }
}

/// Whether a writer of JSON may escape the character: must, or does so for the sake of HTML.
fn is_escaped(c: char) -> bool {
    c.is_ascii_control()
        || matches!(
            c,
            '"' | '\\' | '/' | '<' | '>' | '&' | '\'' | '=' | '+' | '`'
        )
}

/// How seldom a piece is, as far as it tells: long ones, and those of ASCII, which is never escaped.
fn rarity(piece: &str) -> (usize, bool) {
    (piece.len(), piece.is_ascii())
}
