//! Sessions that are one JSON document: told from logs of lines, and written as lines.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};

use serde::de::IgnoredAny;
use sessiondb_agents::{Agent, Document, agents};

use crate::lines;

/// The longest document that is read; it is in memory as a whole.
const MAX_BYTES: u64 = 512 << 20;

/// What a file is as a whole.
pub(crate) enum Whole {
    /// A value a line, as far as its first line tells.
    Lines,
    Document {
        agent: &'static dyn Agent,
        document: Document,
    },
    /// One JSON value over several lines, or one of no agent that is known, by a path that ends
    /// with `.json`.
    Unknown,
}

/// Finds out what the file is; it stands at its beginning afterwards.
pub(crate) fn whole(
    file: &File,
    known: Option<&'static dyn Agent>,
    path: &str,
) -> io::Result<Whole> {
    let ends = |ending: &str| {
        let start = path.len().saturating_sub(ending.len());
        let end = path.get(start..);
        end.is_some_and(|end| end.eq_ignore_ascii_case(ending))
    };
    let is_json = [".json", ".json.gz", ".json.zst"]
        .iter()
        .any(|ending| ends(ending));
    if !is_json && first_line_is_whole(file)? {
        return Ok(Whole::Lines);
    }
    let mut bytes = Vec::new();
    let mut limited = file;
    limited.seek(SeekFrom::Start(0))?;
    limited.take(MAX_BYTES).read_to_end(&mut bytes)?;
    limited.seek(SeekFrom::Start(0))?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let others = agents().iter().copied();
    let asked = known.into_iter().chain(others);
    for agent in asked {
        if let Some(document) = agent.split(text) {
            return Ok(Whole::Document { agent, document });
        }
    }
    if !is_json || (known.is_some() && first_line_is_whole(file)?) {
        return Ok(Whole::Lines);
    }
    Ok(Whole::Unknown)
}

/// Whether the first line that is not blank is one JSON value, or too long to be the beginning of a
/// document that was laid out for people.
fn first_line_is_whole(file: &File) -> io::Result<bool> {
    const ENOUGH: u64 = 1 << 20;
    let line = lines::first(file, ENOUGH)?;
    Ok(line.is_empty()
        || line.len() as u64 >= ENOUGH
        || serde_json::from_slice::<IgnoredAny>(&line).is_ok())
}

/// The entries of a document, a line each, in a file without a name.
pub(crate) fn as_lines(document: &Document) -> io::Result<File> {
    let file = tempfile::tempfile()?;
    let mut out = BufWriter::new(&file);
    for entry in &document.entries {
        out.write_all(entry.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    drop(out);
    (&file).seek(SeekFrom::Start(0))?;
    Ok(file)
}
