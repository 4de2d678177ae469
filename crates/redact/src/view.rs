//! A text with the escapes of JSON undone, and where each part of it is written.

use std::ops::Range;

/// What a text says once its escapes are undone.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) text: String,
    /// Where pieces begin, in the text and as written: pieces that are written as they are, and escapes, each by itself.
    pieces: Vec<Piece>,
    written_len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    text: usize,
    written: usize,
    is_escape: bool,
}

impl View {
    /// Undoes the escapes. What is no escape that JSON knows stays as it is.
    pub(crate) fn of(written: &str) -> Self {
        let mut view = Self {
            text: String::with_capacity(written.len()),
            pieces: Vec::new(),
            written_len: written.len(),
        };
        let mut at = 0;
        let bytes = written.as_bytes();
        while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
            let slash = at + found;
            view.plain(written, at..slash);
            at = if let Some((c, len)) = escape_at(bytes, slash) {
                view.escape(c, slash);
                slash + len
            } else {
                view.plain(written, slash..slash + 1);
                slash + 1
            };
        }
        view.plain(written, at..written.len());
        view
    }

    fn plain(&mut self, written: &str, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        self.pieces.push(Piece {
            text: self.text.len(),
            written: range.start,
            is_escape: false,
        });
        self.text.push_str(written.get(range).unwrap_or_default());
    }

    fn escape(&mut self, c: char, written: usize) {
        self.pieces.push(Piece {
            text: self.text.len(),
            written,
            is_escape: true,
        });
        self.text.push(c);
    }

    /// Where a part of the text is written.
    pub(crate) fn written(&self, range: &Range<usize>) -> Range<usize> {
        self.place(range.start)..self.place(range.end)
    }

    fn place(&self, at: usize) -> usize {
        if at >= self.text.len() {
            return self.written_len;
        }
        let behind = self.pieces.partition_point(|piece| piece.text <= at);
        let piece = behind.checked_sub(1).and_then(|at| self.pieces.get(at));
        piece.map_or(at, |piece| {
            let within = if piece.is_escape { 0 } else { at - piece.text };
            piece.written + within
        })
    }
}

/// The character that an escape stands for, and how long it is.
fn escape_at(bytes: &[u8], slash: usize) -> Option<(char, usize)> {
    let c = match bytes.get(slash + 1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'u' => return unicode(bytes, slash),
        _ => return None,
    };
    Some((c, 2))
}

fn unicode(bytes: &[u8], slash: usize) -> Option<(char, usize)> {
    let first = unit(bytes, slash)?;
    if (0xd800..0xdc00).contains(&first)
        && let Some(second) = unit(bytes, slash + 6)
        && let Some(Ok(c)) = char::decode_utf16([first, second]).next()
    {
        return Some((c, 12));
    }
    // Half a pair stands for no character.
    let c = char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER);
    Some((c, 6))
}

fn unit(bytes: &[u8], slash: usize) -> Option<u16> {
    let escape = bytes.get(slash..slash + 6)?;
    let digits = escape.strip_prefix(b"\\u")?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_is_found_where_it_is_written() {
        let written = r"a\n\u00e4b\ud83d\ude00c\d\ud83d\\";
        let view = View::of(written);
        assert_eq!(view.text, "a\näb😀c\\d\u{fffd}\\");
        for (part, expected) in [
            ("a", "a"),
            ("\nä", r"\n\u00e4"),
            ("b😀", r"b\ud83d\ude00"),
            ("😀", r"\ud83d\ude00"),
            ("c\\d", r"c\d"),
            ("\u{fffd}\\", r"\ud83d\\"),
        ] {
            let at = view.text.find(part).unwrap();
            let range = view.written(&(at..at + part.len()));
            assert_eq!(&written[range], expected);
        }
        assert_eq!(view.written(&(0..view.text.len())), 0..written.len());
    }
}
