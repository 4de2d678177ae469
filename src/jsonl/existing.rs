//! What stands where an export is to write a log: nothing, the log, its beginning, or something
//! else.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::bad_line::line_of;
use super::not_exported::Stop;
use crate::Log;

/// How much is read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// What stands where a file is to be written.
pub(super) enum Existing {
    Missing,
    /// Exactly what is to be written.
    Same {
        entries: u64,
    },
    /// A part of it.
    Beginning,
    Other {
        byte_offset: u64,
    },
}

pub(super) fn compare(log: &Log, path: &Path) -> Result<Existing, Stop> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Existing::Missing),
        Err(error) => return Err(Stop::io(path, &error)),
    };
    let mut file = Comparison {
        file: BufReader::with_capacity(BUFFER_BYTES, file),
        byte_offset: 0,
    };
    let mut entries = 0_u64;
    for entry in log
        .read_existing(..)
        .map_err(|error| Stop::log(path, error))?
    {
        let entry = entry.map_err(|error| Stop::log(path, error))?;
        for piece in [&*line_of(&entry), b"\n"] {
            match file.next_is(piece) {
                Ok(Next::Same) => {}
                Ok(Next::End) => return Ok(Existing::Beginning),
                Ok(Next::Other) => {
                    return Ok(Existing::Other {
                        byte_offset: file.byte_offset,
                    });
                }
                Err(error) => return Err(Stop::io(path, &error)),
            }
        }
        entries = entries.saturating_add(1);
    }
    match file.file.fill_buf() {
        Ok([]) => Ok(Existing::Same { entries }),
        Ok(_) => Ok(Existing::Other {
            byte_offset: file.byte_offset,
        }),
        Err(error) => Err(Stop::io(path, &error)),
    }
}

/// A file that is compared piece by piece.
struct Comparison {
    file: BufReader<File>,
    /// How much of it is the same.
    byte_offset: u64,
}

enum Next {
    Same,
    /// The file ended within the piece.
    End,
    Other,
}

impl Comparison {
    fn next_is(&mut self, mut piece: &[u8]) -> io::Result<Next> {
        while !piece.is_empty() {
            let available = match self.file.fill_buf() {
                Ok(available) => available,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            if available.is_empty() {
                return Ok(Next::End);
            }
            let len = available.len().min(piece.len());
            let same = available
                .iter()
                .zip(piece)
                .take_while(|(one, other)| one == other)
                .count();
            self.byte_offset = self.byte_offset.saturating_add(same as u64);
            self.file.consume(same);
            piece = piece.get(same..).unwrap_or_default();
            if same < len {
                return Ok(Next::Other);
            }
        }
        Ok(Next::Same)
    }
}
