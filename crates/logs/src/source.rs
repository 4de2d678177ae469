//! One file as lines: as it is, unpacked, or a document that is taken apart.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use sessiondb::archive::Redactor;
use sessiondb_agents::{Agent, Document, Fold, Probe, by_name, recognise};

use crate::document::{self, Whole};
use crate::lines;
use crate::notes::Stamp;
use crate::opencode;

/// How much of a file is shown to those who are asked whose it is.
const HEAD_BYTES: u64 = 64 << 10;
const BUFFER_BYTES: usize = 256 << 10;
/// How compressed files begin.
const GZIP: &[u8] = b"\x1f\x8b";
const ZSTD: &[u8] = b"\x28\xb5\x2f\xfd";

/// A file that is open, and its content as lines.
pub(crate) struct Source {
    /// The file as messages name it.
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
    /// The lines: the file itself, or a temporary one.
    pub(crate) lines: File,
    pub(crate) agent: Option<&'static dyn Agent>,
    /// What a document says of the session as a whole.
    pub(crate) header: Option<String>,
    /// The same before something was redacted in it.
    pub(crate) header_was: Option<String>,
    /// Whether it is a document, the entries of which the lines are.
    pub(crate) is_document: bool,
    /// Whether the lines were compressed.
    pub(crate) is_unpacked: bool,
    /// Whether there is more in the file than this session.
    pub(crate) is_part: bool,
    /// So many entries of a turn that may not have ended were left out.
    pub(crate) held_back: usize,
}

/// What becomes of a path.
pub(crate) enum Opened {
    Lines(Box<Source>),
    /// A document of which no agent is known.
    NoLog,
}

impl Source {
    /// Opens a file. `named` tells that somebody has given it by its name.
    pub(crate) fn open(path: &Path, absolute: &Path, named: bool) -> io::Result<Opened> {
        let file = File::open(path)?;
        let stamp = Stamp::of(&file.metadata()?);
        let mut head = Vec::new();
        (&file).take(HEAD_BYTES).read_to_end(&mut head)?;
        (&file).seek(SeekFrom::Start(0))?;
        let is_unpacked = is_compressed(&head);
        let (lines, head) = if head.starts_with(GZIP) {
            unpacked(MultiGzDecoder::new(BufReader::new(file)))
                .map_err(|error| broken("gzip", &error))?
        } else if head.starts_with(ZSTD) {
            zstd::Decoder::new(file)
                .and_then(unpacked)
                .map_err(|error| broken("zstd", &error))?
        } else {
            (file, head)
        };
        let path_text = slashed(absolute);
        let probe = Probe {
            path: &path_text,
            head: &head,
        };
        let agent = recognise(&probe);
        let source = |lines, agent, header, is_document| {
            Opened::Lines(Box::new(Self {
                path: path.to_owned(),
                stamp,
                lines,
                agent,
                header,
                header_was: None,
                is_document,
                is_unpacked,
                is_part: false,
                held_back: 0,
            }))
        };
        match document::whole(&lines, agent, &path_text)? {
            Whole::Lines => Ok(source(lines, agent, None, false)),
            Whole::Document { agent, document } => {
                let lines = document::as_lines(&document)?;
                let header = Some(document.header).filter(|header| !header.is_empty());
                Ok(source(lines, Some(agent), header, true))
            }
            Whole::Unknown if named => Ok(source(lines, agent, None, false)),
            Whole::Unknown => Ok(Opened::NoLog),
        }
    }

    /// A document that was put together of several files or rows, which were last written to so long
    /// ago.
    pub(crate) fn of_document(
        path: &Path,
        agent: &str,
        mut document: Document,
        mut stamp: Stamp,
        age: Duration,
    ) -> io::Result<Self> {
        let mut held_back = 0;
        if agent == "opencode" {
            held_back = opencode::hold_back(&mut document, age);
            stamp.settled &= held_back == 0;
        }
        Ok(Self {
            path: path.to_owned(),
            stamp,
            lines: document::as_lines(&document)?,
            agent: by_name(agent),
            header: Some(document.header).filter(|header| !header.is_empty()),
            header_was: None,
            is_document: true,
            is_unpacked: false,
            is_part: false,
            held_back,
        })
    }

    /// Goes on with all entries. A last line without line end counts if it
    /// is whole, unless its writer counts line ends. Returns the bytes of the lines as well.
    pub(crate) fn fold(
        &self,
        mut fold: Fold,
        line_ends_count: bool,
        redactor: Option<&Redactor>,
    ) -> io::Result<(Fold, u64)> {
        let mut bytes = 0;
        (&self.lines).seek(SeekFrom::Start(0))?;
        lines::each(&self.lines, |line, terminated| {
            let whole = terminated
                || (!line_ends_count
                    && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok());
            if whole {
                let text = std::str::from_utf8(line).ok();
                let redacted = text.and_then(|text| redactor?.redact(text));
                let line = redacted
                    .as_ref()
                    .map_or(line, |line| line.as_str().as_bytes());
                bytes += line.len() as u64;
                fold.entry(line);
            }
        })?;
        (&self.lines).seek(SeekFrom::Start(0))?;
        Ok((fold, bytes))
    }
}

fn broken(format: &str, error: &io::Error) -> io::Error {
    let message = format!("it cannot be unpacked as {format}: {error}");
    io::Error::new(error.kind(), message)
}

fn is_compressed(head: &[u8]) -> bool {
    head.starts_with(GZIP) || head.starts_with(ZSTD)
}

/// What comes out of `packed`, in a file without a name, and its beginning.
fn unpacked(mut packed: impl Read) -> io::Result<(File, Vec<u8>)> {
    let file = tempfile::tempfile()?;
    let mut out = BufWriter::with_capacity(BUFFER_BYTES, &file);
    io::copy(&mut packed, &mut out)?;
    out.flush()?;
    drop(out);
    (&file).seek(SeekFrom::Start(0))?;
    let mut head = Vec::new();
    (&file).take(HEAD_BYTES).read_to_end(&mut head)?;
    (&file).seek(SeekFrom::Start(0))?;
    Ok((file, head))
}

/// A path with `/` between its parts.
pub(crate) fn slashed(path: &Path) -> String {
    let text = path.to_string_lossy();
    if cfg!(windows) {
        text.replace('\\', "/")
    } else {
        text.into_owned()
    }
}
