//! The entries that a line of a JSONL file comes to, and what becomes of one that is bad.

use std::borrow::Cow;

use super::bad_line;
use super::choices::BadLines;
use super::defect::{Defect, check};
use super::lines::Line;
use super::nuls::drop_nuls;
use super::values::{Values, is_blank};

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
    let Err(defect) = check(line, limit_bytes) else {
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
    if let (true, Defect::Fused { text, values }) = (bad_lines.splits(), &defect) {
        return with_remark(
            Entries::Fused(Values::new(text)),
            format!("{values} JSON values on one line, taken apart"),
        );
    }
    let over_limit = line.over_limit.is_some();
    if let (true, Defect::Nuls(nuls), false) = (bad_lines.drops_nuls(), &defect, over_limit) {
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
            let marker = marker_of(line, &defect, limit_bytes)?;
            with_remark(
                Entries::One(Cow::Owned(marker)),
                format!("kept as a `{}` entry: {defect}", bad_line::KIND),
            )
        }
        BadLines::DropNuls | BadLines::Mend if over_limit => {
            let defect = Defect::over_limit(line, limit_bytes).unwrap_or(defect);
            Err(format!("{defect}; {}", defect.advice()))
        }
        _ => Err(format!("{defect}; {}", defect.advice())),
    }
}

/// The entry that stands for a bad line.
fn marker_of(line: &Line<'_>, defect: &Defect<'_>, limit_bytes: usize) -> Result<Vec<u8>, String> {
    let marker = bad_line::encode(line.bytes);
    if marker.len() > limit_bytes {
        return Err(format!(
            "{defect}; it is too long to be kept, as it would take {} bytes where {limit_bytes} \
             are the limit; `--bad-lines=skip` leaves it out",
            marker.len()
        ));
    }
    Ok(marker)
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

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::super::lines::{Lines, Position};
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
        let mut seen = 0;
        while let Some(line) = lines.next_line().unwrap() {
            seen += 1;
            let reading = read_line(&line, BadLines::Split, 1000).unwrap();
            for entry in reading.entries {
                assert_eq!(*entry, *twice.as_bytes());
            }
        }
        assert_eq!(seen, 2);
    }

    #[test]
    fn a_line_over_the_limit_is_bad() {
        let long = [&[b'7'; 10_000][..], b"\n[1]\n"].concat();
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
            let source = BufReader::with_capacity(capacity, &file[..]);
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
