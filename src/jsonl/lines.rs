//! The lines of a JSONL file, one at a time, and the entries that each one holds. Pure: works on
//! any `BufRead` and names no file.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};

use serde::de::IgnoredAny;
use serde_json::StreamDeserializer;
use serde_json::de::StrRead;

use super::{BadLines, bad_line};

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
    /// Empty if the line is over the limit of its reader.
    pub(super) bytes: &'a [u8],
    pub(super) at: Position,
    /// Where the next line begins.
    pub(super) next: Position,
    /// Whether a line end follows; if not, it is the last line.
    pub(super) terminated: bool,
    /// Whether a byte order mark stood before `bytes`.
    pub(super) byte_order_mark: bool,
    over_limit: Option<Defect<'static>>,
}

/// Reads a file line by line into one buffer, which grows to the longest line but never beyond
/// `limit_bytes`.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: R,
    buffer: Vec<u8>,
    next: Position,
    limit_bytes: usize,
}

impl<R: BufRead> Lines<R> {
    /// Reads from `source`, whose first byte is the one at `start` of the file.
    pub(super) fn new(source: R, start: Position, limit_bytes: usize) -> Self {
        Self {
            source,
            buffer: Vec::new(),
            next: start,
            limit_bytes,
        }
    }

    /// Returns the next line, `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let at = self.next;
        let (len_bytes, terminated) = self.fill()?;
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
        let over_limit = (len_bytes > self.limit_bytes as u64).then_some(Defect::OverLimit {
            len_bytes,
            limit_bytes: self.limit_bytes,
        });
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
            over_limit,
        }))
    }

    /// Puts the next line into the buffer, or nothing if it is over the limit. Returns its
    /// length and whether a line end followed.
    fn fill(&mut self) -> io::Result<(u64, bool)> {
        self.buffer.clear();
        let mut len_bytes = 0_u64;
        loop {
            let available = match self.source.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok((len_bytes, false));
            }
            let line_end = memchr::memchr(b'\n', available);
            let piece = available
                .get(..line_end.unwrap_or(available.len()))
                .unwrap_or_default();
            len_bytes = len_bytes.saturating_add(piece.len() as u64);
            if len_bytes > self.limit_bytes as u64 {
                self.buffer.clear();
            } else {
                self.buffer.extend_from_slice(piece);
            }
            let used = piece.len().saturating_add(usize::from(line_end.is_some()));
            self.source.consume(used);
            if line_end.is_some() {
                return Ok((len_bytes, true));
            }
        }
    }
}

/// What a line comes to.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) entries: Entries<'a>,
    /// What the user should know of how they were made out of the line.
    pub(super) remark: Option<String>,
}

/// Makes entries out of a line, in the way that `bad_lines` asks for.
///
/// # Errors
///
/// If the line is bad and `bad_lines` does not say how to go on: what is wrong and what helps.
pub(super) fn read_line<'a>(
    line: &Line<'a>,
    bad_lines: BadLines,
    limit_bytes: usize,
) -> Result<Reading<'a>, String> {
    let Err(defect) = line.check() else {
        return Ok(Reading {
            entries: read_checked_line(line),
            remark: None,
        });
    };
    let with_remark = |entries, remark| {
        Ok(Reading {
            entries,
            remark: Some(remark),
        })
    };
    if let (BadLines::Split, Defect::Fused { text, values }) = (bad_lines, &defect) {
        return with_remark(
            Entries::Fused(Values::new(text)),
            format!("{values} JSON values on one line, taken apart"),
        );
    }
    let over_limit = matches!(defect, Defect::OverLimit { .. });
    if !line.terminated && !over_limit {
        return with_remark(
            Entries::None,
            format!(
                "the last line is not whole and was left out: it has no line end and is {defect}"
            ),
        );
    }
    match bad_lines {
        BadLines::Skip => with_remark(Entries::None, format!("left out: {defect}")),
        BadLines::Keep if !over_limit => {
            let marker = bad_line::encode(line.bytes);
            if marker.len() > limit_bytes {
                return Err(format!(
                    "{defect}; it is too long to be kept, as it would take {} bytes where {limit_bytes} \
                     are the limit; `--bad-lines=skip` leaves it out",
                    marker.len()
                ));
            }
            with_remark(
                Entries::One(Cow::Owned(marker)),
                format!("kept as a `{}` entry: {defect}", bad_line::KIND),
            )
        }
        _ => Err(format!("{defect}; {}", defect.advice())),
    }
}

/// Makes an entry out of a line that is known to be blank or one JSON value.
pub(super) fn read_checked_line<'a>(line: &Line<'a>) -> Entries<'a> {
    if is_blank(line.bytes) {
        Entries::None
    } else if bad_line::decode(line.bytes).is_some() {
        // A line that happens to look like the marker of another one is stored as a bad line, so
        // that export gives it back and not what it seems to stand for.
        Entries::One(Cow::Owned(bad_line::encode(line.bytes)))
    } else {
        Entries::One(Cow::Borrowed(line.bytes))
    }
}

impl<'a> Line<'a> {
    /// Finds out whether the line is blank or one JSON value.
    fn check(&self) -> Result<(), Defect<'a>> {
        if let Some(defect) = &self.over_limit {
            return Err(defect.clone());
        }
        if is_blank(self.bytes) {
            return Ok(());
        }
        let text = std::str::from_utf8(self.bytes).map_err(|error| Defect::NotUtf8 {
            column: error.valid_up_to().saturating_add(1),
        })?;
        serde_json::from_str::<IgnoredAny>(text)
            .map(drop)
            .map_err(|error| match count_values(text) {
                Some(values) => Defect::Fused { text, values },
                None => Defect::NotJson {
                    message: without_position(&error),
                    column: error.column(),
                },
            })
    }
}

/// Whether the line holds nothing but JSON's white space.
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// The number of JSON values in a line that consists of nothing else.
fn count_values(text: &str) -> Option<u64> {
    let mut values = 0_u64;
    for value in serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        value.ok()?;
        values = values.saturating_add(1);
    }
    Some(values)
}

/// The message of a JSON error without its "at line 1 column 7".
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    match message.rsplit_once(" at line ") {
        Some((message, _)) => message.to_owned(),
        None => message,
    }
}

/// What is wrong with a line. Columns count bytes from 1.
#[derive(Debug, Clone)]
enum Defect<'a> {
    NotUtf8 { column: usize },
    NotJson { message: String, column: usize },
    Fused { text: &'a str, values: u64 },
    OverLimit { len_bytes: u64, limit_bytes: usize },
}

impl fmt::Display for Defect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotUtf8 { column } => write!(f, "not valid UTF-8 (column {column})"),
            Self::NotJson { message, column } => {
                write!(f, "not valid JSON (column {column}: {message})")
            }
            Self::Fused { values, .. } => write!(f, "{values} JSON values on one line"),
            Self::OverLimit {
                len_bytes,
                limit_bytes,
            } => write!(
                f,
                "{len_bytes} bytes long, which is over the limit of {limit_bytes}"
            ),
        }
    }
}

impl Defect<'_> {
    fn advice(&self) -> &'static str {
        match self {
            Self::Fused { .. } => {
                "`--bad-lines=split` takes them apart, `=skip` leaves the line out, \
                 `=keep` stores its text"
            }
            Self::OverLimit { .. } => "`--bad-lines=skip` leaves the line out",
            Self::NotUtf8 { .. } | Self::NotJson { .. } => {
                "`--bad-lines=skip` leaves the line out, `=keep` stores its text"
            }
        }
    }
}

/// The entries of one line, made as they are asked for.
#[derive(Debug)]
pub(super) enum Entries<'a> {
    None,
    One(Cow<'a, [u8]>),
    Fused(Values<'a>),
}

impl<'a> Iterator for Entries<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Self::Fused(values) = self {
            return values.next().map(Cow::Borrowed);
        }
        match std::mem::replace(self, Self::None) {
            Self::One(entry) => Some(entry),
            _ => None,
        }
    }
}

/// The values of a line that holds several, without the white space between them.
pub(super) struct Values<'a> {
    text: &'a str,
    stream: StreamDeserializer<'a, StrRead<'a>, IgnoredAny>,
}

impl<'a> Values<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            stream: serde_json::Deserializer::from_str(text).into_iter(),
        }
    }
}

impl<'a> Iterator for Values<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.stream.byte_offset();
        self.stream.next()?.ok()?;
        let value = self.text.get(start..self.stream.byte_offset())?;
        Some(value.trim_matches([' ', '\t', '\r']).as_bytes())
    }
}

impl fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Values")
            .field("text", &self.text)
            .field("byte_offset", &self.stream.byte_offset())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 64;

    /// What `file` comes to: the entries, and the remarks or the error with their line numbers.
    fn read(file: &[u8], bad_lines: BadLines) -> (Vec<String>, Vec<(u64, String)>) {
        let mut lines = Lines::new(file, Position::START, LIMIT);
        let (mut entries, mut remarks) = (Vec::new(), Vec::new());
        while let Some(line) = lines.next_line().unwrap() {
            match read_line(&line, bad_lines, LIMIT) {
                Ok(reading) => {
                    remarks.extend(reading.remark.map(|remark| (line.at.line, remark)));
                    entries.extend(
                        reading
                            .entries
                            .map(|entry| String::from_utf8(entry.into_owned()).unwrap()),
                    );
                }
                Err(message) => {
                    remarks.push((line.at.line, format!("ERROR {message}")));
                    break;
                }
            }
        }
        (entries, remarks)
    }

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
    fn white_space_around_an_entry_is_kept_and_blank_lines_are_not_entries() {
        let (entries, remarks) = read(b" {} \r\n\t \r\n\n1", BadLines::Fail);
        assert_eq!(entries, [" {} \r", "1"]);
        assert_eq!(remarks, []);
    }

    #[test]
    fn a_torn_tail_is_left_out_whatever_is_done_with_bad_lines() {
        for bad_lines in [
            BadLines::Fail,
            BadLines::Skip,
            BadLines::Split,
            BadLines::Keep,
        ] {
            for tail in [&b"{\"a\":"[..], b"\"\xe2\x82", b"{}{"] {
                let file = [b"{}\n", tail].concat();
                let (entries, remarks) = read(&file, bad_lines);
                assert_eq!(entries, ["{}"], "{bad_lines:?} {tail:?}");
                assert_eq!(remarks.len(), 1);
                assert_eq!(remarks[0].0, 2);
                assert!(remarks[0].1.contains("no line end"), "{remarks:?}");
            }
        }
    }

    #[test]
    fn split_takes_whole_values_apart_and_nothing_else() {
        let (entries, _) = read(
            b"{\"a\":1}{\"b\":[2]} \"c\"[3]\t4 true\r\n",
            BadLines::Split,
        );
        assert_eq!(
            entries,
            ["{\"a\":1}", "{\"b\":[2]}", "\"c\"", "[3]", "4", "true"]
        );
        for unsplittable in ["{\"a\":1}{\"b\":\n", "{}}\n", "1true\n", "{},{}\n"] {
            let (entries, remarks) = read(unsplittable.as_bytes(), BadLines::Split);
            assert!(entries.is_empty(), "{unsplittable}");
            assert!(
                remarks[0].1.starts_with("ERROR not valid JSON"),
                "{remarks:?}"
            );
        }
    }

    #[test]
    fn a_line_over_the_limit_is_never_buffered() {
        let long = [&[b'7'; 10_000][..], b"\n[1]\n"].concat();
        let mut lines = Lines::new(&long[..], Position::START, LIMIT);
        assert!(lines.next_line().unwrap().unwrap().bytes.is_empty());
        assert!(lines.buffer.capacity() <= 2 * LIMIT);
        assert_eq!(lines.next_line().unwrap().unwrap().at.byte_offset, 10_001);

        for bad_lines in [BadLines::Fail, BadLines::Split, BadLines::Keep] {
            let (entries, remarks) = read(&long, bad_lines);
            assert!(entries.is_empty());
            assert!(remarks[0].1.contains("10000 bytes long"), "{remarks:?}");
        }
        let (entries, remarks) = read(&long, BadLines::Skip);
        assert_eq!(entries, ["[1]"]);
        assert_eq!(remarks[0].0, 1);
    }

    #[test]
    fn a_line_at_the_limit_is_read_even_when_the_reader_gives_one_byte_at_a_time() {
        let file = [&[b'7'; LIMIT][..], b"\n"].concat();
        let source = io::BufReader::with_capacity(1, &file[..]);
        let mut lines = Lines::new(source, Position::START, LIMIT);
        let line = lines.next_line().unwrap().unwrap();
        assert_eq!(line.bytes, &file[..LIMIT]);
        assert!(line.check().is_ok());
    }

    #[test]
    fn a_bad_line_that_outgrows_the_limit_when_kept_is_refused() {
        let (entries, remarks) = read(&[[0_u8; 40].as_slice(), b"\n"].concat(), BadLines::Keep);
        assert!(entries.is_empty());
        assert!(remarks[0].1.contains("too long to be kept"), "{remarks:?}");
    }

    #[test]
    fn errors_say_what_is_wrong_and_what_helps() {
        for (line, wrong, helps) in [
            (&b"{}{}\n"[..], "2 JSON values", "--bad-lines=split"),
            (b"{\"a\"}\n", "column 5: expected `:`", "--bad-lines=skip"),
            (b"\"ab\xff\"\n", "not valid UTF-8 (column 4)", "=keep"),
        ] {
            let (_, remarks) = read(line, BadLines::Fail);
            let message = &remarks[0].1;
            assert!(
                message.contains(wrong) && message.contains(helps),
                "{message}"
            );
        }
    }
}
