//! What stands where a file is to be written: nothing, the same, its beginning, or something else.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use sessiondb_agents::{Document, compact};

use super::content::Whole;

const BUFFER_BYTES: usize = 256 << 10;

/// What stands where a file is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    Missing,
    /// What is to be written.
    Same,
    /// A part of it.
    Beginning,
    /// Something else, from this byte on.
    Other {
        byte_offset: u64,
    },
}

/// A file that is compared piece by piece with what it should hold.
pub(crate) struct Comparison<R> {
    file: R,
    byte_offset: u64,
    /// How it stands, if that is known already.
    found: Option<io::Result<Existing>>,
}

/// Opens the file that is there; `None` if there is none.
pub(crate) fn open(path: &Path) -> io::Result<Option<Comparison<BufReader<File>>>> {
    match File::open(path) {
        Ok(file) => Ok(Some(Comparison::new(file))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

impl<F: io::Read> Comparison<BufReader<F>> {
    pub(crate) fn new(file: F) -> Self {
        Self {
            file: BufReader::with_capacity(BUFFER_BYTES, file),
            byte_offset: 0,
            found: None,
        }
    }
}

impl<R: BufRead> Comparison<R> {
    /// Compares the next piece. Returns whether more has to be compared.
    pub(crate) fn take(&mut self, piece: &[u8]) -> bool {
        self.found = match self.next_is(piece) {
            Ok(None) => None,
            Ok(Some(found)) => Some(Ok(found)),
            Err(error) => Some(Err(error)),
        };
        self.found.is_none()
    }

    fn next_is(&mut self, mut piece: &[u8]) -> io::Result<Option<Existing>> {
        while !piece.is_empty() {
            let available = match self.file.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(Some(Existing::Beginning));
            }
            let len = available.len().min(piece.len());
            let pairs = available.iter().zip(piece);
            let same = pairs.take_while(|(one, other)| one == other).count();
            self.byte_offset += same as u64;
            self.file.consume(same);
            if same < len {
                let byte_offset = self.byte_offset;
                return Ok(Some(Existing::Other { byte_offset }));
            }
            piece = piece.get(same..).unwrap_or_default();
        }
        Ok(None)
    }

    /// How it stands once all pieces were compared.
    pub(crate) fn finish(mut self) -> io::Result<Existing> {
        if let Some(found) = self.found {
            return found;
        }
        let byte_offset = self.byte_offset;
        Ok(match self.file.fill_buf()? {
            [] => Existing::Same,
            _ => Existing::Other { byte_offset },
        })
    }
}

/// What stands there beside a content that is held as a whole. JSON is compared as JSON: white space
/// between its parts does not count.
pub(crate) fn beside(path: &Path, whole: &Whole, is_json: bool) -> io::Result<Existing> {
    let there = match std::fs::read(path) {
        Ok(there) => there,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::Missing),
        Err(error) => return Err(error),
    };
    if let Some(found) = as_json(&there, whole, is_json) {
        return Ok(found);
    }
    let mut comparison = Comparison::new(&*there);
    comparison.take(whole.text.as_bytes());
    comparison.finish()
}

fn as_json(there: &[u8], whole: &Whole, is_json: bool) -> Option<Existing> {
    let there = std::str::from_utf8(there).ok().filter(|_| is_json)?;
    if let Some((agent, document)) = &whole.document {
        let there = agent.split(there)?;
        let existing = if there.entries.len() == document.entries.len() {
            Existing::Same
        } else {
            Existing::Beginning
        };
        return is_beginning(&there, document).then_some(existing);
    }
    (compact(there) == compact(&whole.text)).then_some(Existing::Same)
}

fn is_beginning(there: &Document, document: &Document) -> bool {
    let beginning = document.entries.get(..there.entries.len());
    there.header == document.header && beginning == Some(&there.entries)
}
