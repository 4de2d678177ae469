//! The lines of a JSONL file, one at a time. Pure: works on any `BufRead` and names no file.

use std::borrow::Cow;
use std::io::{self, BufRead};

use super::nuls::Nuls;
use super::values::is_blank;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Where a line begins in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    /// Counted from 1.
    pub(super) line: u64,
    /// Counted from 0.
    pub(super) byte_offset: u64,
}

impl Position {
    pub(super) const START: Self = Self {
        line: 1,
        byte_offset: 0,
    };
}

/// One line of a file, without its line end.
#[derive(Debug)]
pub(super) struct Line<'a> {
    /// Empty if the line is over the limit of its reader. Each run of NULs is one, if the reader
    /// drops them.
    pub(super) bytes: &'a [u8],
    pub(super) at: Position,
    /// Where the next line begins.
    pub(super) next: Position,
    /// Whether a line end follows; if not, it is the last line.
    pub(super) terminated: bool,
    /// Whether a byte order mark stood before `bytes`.
    pub(super) byte_order_mark: bool,
    pub(super) nuls: Option<Nuls>,
    /// How long the line is, if it is over the limit.
    pub(super) over_limit: Option<u64>,
    /// How long it is, if it is one that is left where it is since it is long; `bytes` is empty then.
    pub(super) large: Option<u64>,
}

impl Line<'_> {
    /// Whether it holds nothing but JSON's white space.
    pub(super) fn is_blank(&self) -> bool {
        self.over_limit.is_none() && self.large.is_none() && is_blank(self.bytes)
    }
}

/// Reads a file line by line into one buffer, which grows to the longest line but never beyond
/// `limit_bytes`.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    /// How much of what the source has read is behind.
    used: usize,
    /// A line that the source does not have as a whole.
    buffer: Vec<u8>,
    next: Position,
    limit_bytes: usize,
    /// From which length on a line is left where it is.
    large_bytes: usize,
    drops_nuls: bool,
}

/// What a line has that was read into the buffer.
#[derive(Default)]
struct Filled {
    len_bytes: u64,
    terminated: bool,
    /// Without those that are dropped.
    kept_bytes: u64,
    nuls: Option<Nuls>,
}

impl<R: BufRead> Lines<R> {
    /// Reads from `source`, whose first byte is the one at `start` of the file.
    pub(super) fn new(source: R, start: Position, limit_bytes: usize) -> Self {
        Self {
            source,
            used: 0,
            buffer: Vec::new(),
            next: start,
            limit_bytes,
            large_bytes: usize::MAX,
            drops_nuls: false,
        }
    }

    /// Leaves lines that are longer where they are.
    pub(super) fn leaving(mut self, large_bytes: usize) -> Self {
        self.large_bytes = large_bytes;
        self
    }

    /// Keeps one NUL of each run, so that a hole is no longer than any file is.
    pub(super) fn dropping_nuls(mut self, drops_nuls: bool) -> Self {
        self.drops_nuls = drops_nuls;
        self
    }

    /// Returns the next line, `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let at = self.next;
        self.source.consume(std::mem::take(&mut self.used));
        if let Some(len) = self.ready_line()? {
            return self.at_hand(len).map(Some);
        }
        let Filled {
            len_bytes,
            terminated,
            kept_bytes,
            nuls,
        } = self.fill(at.byte_offset)?;
        if len_bytes == 0 && !terminated {
            return Ok(None);
        }
        self.next = Position {
            line: at.line.saturating_add(1),
            byte_offset: at
                .byte_offset
                .saturating_add(len_bytes)
                .saturating_add(u64::from(terminated)),
        };
        let over_limit = (kept_bytes > self.limit_bytes as u64).then_some(kept_bytes);
        let is_large = over_limit.is_none() && kept_bytes > self.large_bytes as u64;
        let large = is_large.then_some(len_bytes);
        let (bytes, byte_order_mark) = match self.buffer.strip_prefix(BYTE_ORDER_MARK) {
            Some(bytes) if at.byte_offset == 0 => (bytes, true),
            _ => (self.buffer.as_slice(), false),
        };
        Ok(Some(Line {
            bytes,
            at,
            next: self.next,
            terminated,
            byte_order_mark,
            nuls,
            over_limit,
            large,
        }))
    }

    /// How long the next line is, if the source has all of it with its line end, and there is nothing about
    /// it to be changed.
    fn ready_line(&mut self) -> io::Result<Option<usize>> {
        let available = fill(&mut self.source)?;
        let Some(len) = memchr::memchr(b'\n', available) else {
            return Ok(None);
        };
        let line = available.get(..len).unwrap_or_default();
        let is_plain =
            len <= self.limit_bytes.min(self.large_bytes) && memchr::memchr(0, line).is_none();
        Ok(is_plain.then_some(len))
    }

    /// The next line, of which the source has so many bytes and a line end.
    fn at_hand(&mut self, len: usize) -> io::Result<Line<'_>> {
        let at = self.next;
        self.used = len.saturating_add(1);
        self.next = Position {
            line: at.line.saturating_add(1),
            byte_offset: at.byte_offset.saturating_add(self.used as u64),
        };
        let bytes = self.source.fill_buf()?.get(..len).unwrap_or_default();
        let marked = bytes.strip_prefix(BYTE_ORDER_MARK);
        let marked = marked.filter(|_| at.byte_offset == 0);
        Ok(Line {
            bytes: marked.unwrap_or(bytes),
            at,
            next: self.next,
            terminated: true,
            byte_order_mark: marked.is_some(),
            nuls: None,
            over_limit: None,
            large: None,
        })
    }

    /// Puts the next line, which begins at `start` in the file, into the buffer, or nothing if it is
    /// too long.
    fn fill(&mut self, start: u64) -> io::Result<Filled> {
        self.buffer.clear();
        let mut filled = Filled::default();
        loop {
            let available = fill(&mut self.source)?;
            if available.is_empty() {
                return Ok(filled);
            }
            let line_end = memchr::memchr(b'\n', available);
            let piece = available
                .get(..line_end.unwrap_or(available.len()))
                .unwrap_or_default();
            filled.count(piece, start);
            let kept = if self.drops_nuls && filled.nuls.is_some() {
                Cow::Owned(one_nul_each(piece, self.buffer.last()))
            } else {
                Cow::Borrowed(piece)
            };
            filled.kept_bytes = filled.kept_bytes.saturating_add(kept.len() as u64);
            if filled.kept_bytes > self.limit_bytes.min(self.large_bytes) as u64 {
                self.buffer.clear();
            } else {
                self.buffer.extend_from_slice(&kept);
            }
            let used = piece.len().saturating_add(usize::from(line_end.is_some()));
            self.source.consume(used);
            if line_end.is_some() {
                filled.terminated = true;
                return Ok(filled);
            }
        }
    }
}

/// What the source has, or reads now.
fn fill(source: &mut impl BufRead) -> io::Result<&[u8]> {
    while let Err(error) = source.fill_buf() {
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    source.fill_buf()
}

impl Filled {
    /// Counts a further piece of the line that begins at `start`.
    fn count(&mut self, piece: &[u8], start: u64) {
        if let Some(first) = memchr::memchr(0, piece) {
            let nuls = self.nuls.get_or_insert(Nuls {
                count: 0,
                byte_offset: start
                    .saturating_add(self.len_bytes)
                    .saturating_add(first as u64),
            });
            nuls.count += memchr::memchr_iter(0, piece).count() as u64;
        }
        self.len_bytes = self.len_bytes.saturating_add(piece.len() as u64);
    }
}

/// The piece with one NUL in the place of each run of them. `before` is the byte before it.
fn one_nul_each(piece: &[u8], before: Option<&u8>) -> Vec<u8> {
    let mut before = before.copied();
    let mut kept = Vec::with_capacity(piece.len());
    for byte in piece {
        if *byte != 0 || before != Some(0) {
            kept.push(*byte);
        }
        before = Some(*byte);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64;

    #[test]
    fn positions_count_every_byte() {
        let mut lines = Lines::new(&b"\xef\xbb\xbf{}\r\n\n [1]"[..], Position::START, LIMIT);
        let mut seen = Vec::new();
        while let Some(line) = lines.next_line().unwrap() {
            seen.push((
                line.at.line,
                line.at.byte_offset,
                line.bytes.to_vec(),
                line.terminated,
                line.byte_order_mark,
            ));
        }
        assert_eq!(
            seen,
            [
                (1, 0, b"{}\r".to_vec(), true, true),
                (2, 7, Vec::new(), true, false),
                (3, 8, b" [1]".to_vec(), false, false),
            ]
        );
    }

    #[test]
    fn a_line_over_the_limit_is_never_buffered() {
        let long = [&[b'7'; 10_000][..], b"\n[1]\n"].concat();
        let mut lines = Lines::new(&long[..], Position::START, LIMIT);
        assert!(lines.next_line().unwrap().unwrap().bytes.is_empty());
        assert!(lines.buffer.capacity() <= 2 * LIMIT);
        assert_eq!(lines.next_line().unwrap().unwrap().at.byte_offset, 10_001);
    }

    #[test]
    fn a_line_at_the_limit_is_read_even_when_the_reader_gives_one_byte_at_a_time() {
        let file = [&[b'7'; LIMIT][..], b"\n"].concat();
        let source = io::BufReader::with_capacity(1, &file[..]);
        let mut lines = Lines::new(source, Position::START, LIMIT);
        let line = lines.next_line().unwrap().unwrap();
        assert_eq!(line.bytes, &file[..LIMIT]);
        assert_eq!(line.over_limit, None);
    }
}
