//! The lines of a JSONL file, one at a time, and the entries that each one holds. Pure: works on
//! any `BufRead` and names no file.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};

use serde::de::IgnoredAny;
use serde_json::StreamDeserializer;
use serde_json::de::StrRead;

use super::nuls::{Nuls, drop_nuls};
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
    nuls: Option<Nuls>,
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
            buffer: Vec::new(),
            next: start,
            limit_bytes,
            drops_nuls: false,
        }
    }

    /// Keeps one NUL of each run, so that a hole is no longer than any file is.
    pub(super) fn dropping_nuls(mut self, drops_nuls: bool) -> Self {
        self.drops_nuls = drops_nuls;
        self
    }

    /// Returns the next line, `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        let at = self.next;
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
        let over_limit = (kept_bytes > self.limit_bytes as u64).then_some(Defect::OverLimit {
            len_bytes: kept_bytes,
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
            nuls,
            over_limit,
        }))
    }

    /// Puts the next line, which begins at `start` in the file, into the buffer, or nothing if it is
    /// over the limit.
    fn fill(&mut self, start: u64) -> io::Result<Filled> {
        self.buffer.clear();
        let mut filled = Filled::default();
        loop {
            let available = match self.source.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
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
            if filled.kept_bytes > self.limit_bytes as u64 {
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

/// What a line comes to.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    pub(super) entries: Entries<'a>,
    /// What the user should know of how they were made out of the line.
    pub(super) remark: Option<String>,
    /// Whether the line was left out and is not the beginning of an entry either.
    pub(super) is_foreign: bool,
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
            is_foreign: false,
        });
    };
    let is_beginning = !line.terminated && defect.is_beginning(line.bytes);
    let with_remark = |entries, remark| {
        Ok(Reading {
            is_foreign: !is_beginning && matches!(entries, Entries::None),
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
    let over_limit = line.over_limit.is_some();
    if let (BadLines::DropNuls, Defect::Nuls(nuls), false) = (bad_lines, &defect, over_limit) {
        let left = drop_nuls(line.bytes, nuls);
        let values = left.values.into_iter().map(marked);
        return with_remark(
            Entries::Several(values.collect::<Vec<_>>().into_iter()),
            left.remark,
        );
    }
    if !line.terminated && !over_limit {
        let helps = match &defect {
            Defect::Fused { .. } => "; `--bad-lines=split` takes them apart",
            Defect::Nuls(_) if !line.bytes.iter().all(|byte| *byte == 0) => {
                "; `--bad-lines=drop-nuls` keeps what is whole beside them"
            }
            _ => "",
        };
        return with_remark(
            Entries::None,
            format!("left out, as the last line has no line end and is not whole: {defect}{helps}"),
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
        BadLines::DropNuls if over_limit => {
            let defect = line.over_limit.clone().unwrap_or(defect);
            Err(format!("{defect}; {}", defect.advice()))
        }
        _ => Err(format!("{defect}; {}", defect.advice())),
    }
}

/// Makes an entry out of a line that is known to be blank or one JSON value.
pub(super) fn read_checked_line<'a>(line: &Line<'a>) -> Entries<'a> {
    if is_blank(line.bytes) {
        Entries::None
    } else {
        Entries::One(entry_of(line.bytes))
    }
}

/// The entry that a JSON value is stored as: itself. Only a value that looks like the marker of
/// a bad line is stored as a bad line, so that export gives it back, and not what it seems to
/// stand for.
fn entry_of(value: &[u8]) -> Cow<'_, [u8]> {
    marked(Cow::Borrowed(value))
}

fn marked(value: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    if bad_line::decode(&value).is_some() {
        Cow::Owned(bad_line::encode(&value))
    } else {
        value
    }
}

impl<'a> Line<'a> {
    /// Whether it holds nothing but JSON's white space.
    pub(super) fn is_blank(&self) -> bool {
        self.over_limit.is_none() && is_blank(self.bytes)
    }

    /// Finds out whether the line is blank or one JSON value.
    fn check(&self) -> Result<(), Defect<'a>> {
        if let Some(nuls) = self.nuls {
            return Err(Defect::Nuls(nuls));
        }
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
pub(super) fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

/// The number of JSON values in a line that consists of nothing else.
pub(super) fn count_values(text: &str) -> Option<u64> {
    let mut values = 0_u64;
    for value in serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        value.ok()?;
        values = values.saturating_add(1);
    }
    Some(values)
}

/// Whether the bytes are one JSON value.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes);
    text.is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// The values of a text that consists of nothing else.
pub(super) fn values_of(text: &str) -> impl Iterator<Item = &[u8]> {
    Values::new(text)
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
    Nuls(Nuls),
    NotUtf8 { column: usize },
    NotJson { message: String, column: usize },
    Fused { text: &'a str, values: u64 },
    OverLimit { len_bytes: u64, limit_bytes: usize },
}

impl fmt::Display for Defect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nuls(nuls) => write!(f, "{nuls}"),
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
    /// Whether what comes next may make an entry of the line.
    fn is_beginning(&self, line: &[u8]) -> bool {
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            // A character may be cut as well.
            Err(error) if error.error_len().is_none() => {
                let whole = line.get(..error.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(whole).unwrap_or_default()
            }
            Err(_) => return false,
        };
        !matches!(self, Self::OverLimit { .. })
            && !is_blank(text.as_bytes())
            && serde_json::Deserializer::from_str(text)
                .into_iter::<IgnoredAny>()
                .find_map(Result::err)
                .is_none_or(|error| error.is_eof())
    }

    fn advice(&self) -> &'static str {
        match self {
            Self::Fused { .. } => {
                "`--bad-lines=split` takes them apart, `=skip` leaves the line out, \
                 `=keep` stores its text"
            }
            Self::Nuls(_) => {
                "`--bad-lines=drop-nuls` drops them and keeps what is whole beside them, `=skip` \
                 leaves the line out, `=keep` stores its text"
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
    Several(std::vec::IntoIter<Cow<'a, [u8]>>),
}

impl<'a> Iterator for Entries<'a> {
    type Item = Cow<'a, [u8]>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Fused(values) => values.next().map(entry_of),
            Self::Several(values) => values.next(),
            Self::None | Self::One(_) => match std::mem::replace(self, Self::None) {
                Self::One(entry) => Some(entry),
                _ => None,
            },
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
        let mut lines =
            Lines::new(file, Position::START, LIMIT).dropping_nuls(bad_lines == BadLines::DropNuls);
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
            if bad_lines != BadLines::Split {
                let (entries, remarks) = read(b"{}\n{}{}", bad_lines);
                assert_eq!(entries, ["{}"]);
                assert!(remarks[0].1.contains("--bad-lines=split"), "{remarks:?}");
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
    fn a_value_that_looks_like_a_marker_is_marked_itself() {
        let marker = String::from_utf8(bad_line::encode(b"{")).unwrap();
        let twice = String::from_utf8(bad_line::encode(marker.as_bytes())).unwrap();
        let file = format!("{marker}\n{marker}{marker}\n");
        let mut lines = Lines::new(file.as_bytes(), Position::START, 1000);
        while let Some(line) = lines.next_line().unwrap() {
            let reading = read_line(&line, BadLines::Split, 1000).unwrap();
            for entry in reading.entries {
                assert_eq!(*entry, *twice.as_bytes());
            }
        }
        assert_eq!(lines.next.line, 3);
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
    fn dropping_nuls_keeps_all_that_is_whole() {
        for (file, kept, said) in [
            (
                &b"\0\0{\"a\":1}\n"[..],
                &["{\"a\":1}"][..],
                "2 NUL bytes at byte offset 0",
            ),
            (
                b"1\n{\"a\":1}\0\0\0{}\n",
                &["1", "{\"a\":1}", "{}"],
                "3 NUL bytes at byte offset 9",
            ),
            (b"1\x002\n", &["1", "2"], "1 NUL byte at byte offset 1"),
            (
                b"{\"a\":\"b\0c\"}\n",
                &["{\"a\":\"bc\"}"],
                "in the entry is missing",
            ),
            (
                b"{\"a\":\"b\0\0{\"c\":1}\n",
                &["{\"c\":1}"],
                "left out 7 bytes",
            ),
            (b"{}\n\0\0\0\0", &["{}"], "4 NUL bytes at byte offset 3"),
            (b"{}\n[1]\0\0", &["{}", "[1]"], "kept the JSON value"),
            (b"{\"a\":\0\0", &[], "left out 5 bytes"),
            (b"\0\n\0\r\n{}\n", &["{}"], "1 NUL byte"),
        ] {
            let (entries, remarks) = read(file, BadLines::DropNuls);
            assert_eq!(entries, kept, "{remarks:?}");
            assert!(remarks[0].1.starts_with("dropped "), "{remarks:?}");
            assert!(remarks[0].1.contains(said), "{remarks:?}");
        }
        // Only NULs are dropped.
        let (_, remarks) = read(b"{\"a\":\n", BadLines::DropNuls);
        assert!(
            remarks[0].1.starts_with("ERROR not valid JSON"),
            "{remarks:?}"
        );
    }

    #[test]
    fn a_hole_is_dropped_however_long_it_is() {
        let file = [b"{}", &[0; 10 * LIMIT][..], b"[1]\n"].concat();
        for capacity in [1, 7, 4096] {
            let source = io::BufReader::with_capacity(capacity, &file[..]);
            let mut lines = Lines::new(source, Position::START, LIMIT).dropping_nuls(true);
            let line = lines.next_line().unwrap().unwrap();
            assert_eq!(line.next.byte_offset, file.len() as u64);
            let reading = read_line(&line, BadLines::DropNuls, LIMIT).unwrap();
            let remark = reading.remark.unwrap();
            assert!(
                remark.contains("640 NUL bytes at byte offset 2"),
                "{remark}"
            );
            assert_eq!(reading.entries.collect::<Vec<_>>(), [&b"{}"[..], b"[1]"]);
        }
        let (_, remarks) = read(&file, BadLines::Fail);
        assert!(
            remarks[0].1.contains("--bad-lines=drop-nuls"),
            "{remarks:?}"
        );
    }

    #[test]
    fn errors_say_what_is_wrong_and_what_helps() {
        for (line, wrong, helps) in [
            (&b"{}{}\n"[..], "2 JSON values", "--bad-lines=split"),
            (b"{\"a\"}\n", "column 5: expected `:`", "--bad-lines=skip"),
            (b"\"ab\xff\"\n", "not valid UTF-8 (column 4)", "=keep"),
            (
                b"{}\0\0{}\n",
                "2 NUL bytes at byte offset 2",
                "--bad-lines=drop-nuls",
            ),
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
