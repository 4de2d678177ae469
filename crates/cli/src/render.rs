//! Output: JSON, and text for people with its tables, sizes and times.

use std::io::Write;

use chrono::{DateTime, Datelike, Utc};
use serde::Serialize;

use crate::exit::Failure;
use crate::output::{self, Out};
pub(crate) use crate::table::{Column, Table};

/// Writes one JSON document to standard output.
pub(crate) fn write_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = output::stdout();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Writes JSON documents to standard output, each on a line.
pub(crate) fn write_json_lines<T: Serialize>(
    values: impl IntoIterator<Item = Result<T, Failure>>,
) -> Result<(), Failure> {
    let mut out = output::stdout();
    for value in values {
        write_json_line(&mut out, &value?)?;
    }
    Ok(out.flush()?)
}

/// Writes one JSON document on a line.
pub(crate) fn write_json_line(out: &mut Out, value: &impl Serialize) -> Result<(), Failure> {
    let line = serde_json::to_string(value)?;
    Ok(writeln!(out, "{line}")?)
}

/// A number of bytes in the largest binary unit that leaves at least 1.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit after the point is shown, far fewer than a float holds"
    )]
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = "KiB";
    for next in UNITS.into_iter().skip(1) {
        // From here on one digit after the point would be rounded up to 1024.0.
        if amount < 1023.95 {
            break;
        }
        amount /= 1024.0;
        unit = next;
    }
    format!("{amount:.1} {unit}")
}

/// A time in milliseconds since the Unix epoch as date and time, UTC; `-` if it has no date.
pub(crate) fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .filter(|at| at.year() <= 9999)
        .map_or_else(|| "-".to_owned(), stamp)
}

/// A point in time as date and time, UTC.
pub(crate) fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Text on one line without control characters, cut to `max_chars`.
pub(crate) fn clip(text: &str, max_chars: usize) -> String {
    if text.len() <= max_chars && is_clean(text) {
        return text.to_owned();
    }
    let mut clipped = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        let space = (!clipped.is_empty()).then_some(' ');
        for c in space
            .into_iter()
            .chain(word.chars().filter(|c| !c.is_control()))
        {
            if chars == max_chars {
                clipped.push('…');
                return clipped;
            }
            clipped.push(c);
            chars += 1;
        }
    }
    clipped
}

/// Whether the text is in ASCII, on one line, and its words are one blank apart, as most texts are.
fn is_clean(text: &str) -> bool {
    let mut before = b' ';
    let is_clean = text.bytes().all(|byte| {
        let is_blank = std::mem::replace(&mut before, byte) == b' ';
        byte.is_ascii_graphic() || (byte == b' ' && !is_blank)
    });
    is_clean && before != b' '
}

/// A number that people read: whole up to 9,999, else in thousands or millions.
pub(crate) fn thousands(number: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", number / unit, number % unit / (unit / 10));
    match number {
        0..10_000 => number.to_string(),
        10_000..1_000_000 => format!("{}k", number / 1000),
        1_000_000..1_000_000_000 => format!("{}M", tenths(1_000_000)),
        _ => format!("{}G", tenths(1_000_000_000)),
    }
}

/// How much an archive holds: `1 session, 2 segments, 10 entries, 0 traces`.
pub(crate) fn contents(sessions: u64, segments: u64, entries: u64, traces: u64) -> String {
    let counts = [
        count(sessions, "session"),
        count(segments, "segment"),
        count(entries, "entry"),
        count(traces, "trace"),
    ];
    counts.join(", ")
}

/// `1 file`, `2 files`.
pub(crate) fn count(number: u64, noun: &str) -> String {
    match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

/// Each message on a line of its own, below what it belongs to.
pub(crate) fn indented<M: AsRef<str>>(messages: impl Iterator<Item = M>) -> String {
    messages.fold(String::new(), |lines, message| {
        lines + "\n  " + message.as_ref()
    })
}
