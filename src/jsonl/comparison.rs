//! A file beside what is stored of it: whether the two agree, and what the file holds beyond.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::ops::Range;
use std::path::Path;

use super::addition::Addition;
use super::choices::BadLines;
use super::ids::Place;
use super::lines::{Lines, Position};
use super::no_log;
use super::not_imported::Stop;
use super::reading::{Reading, read_checked_line, read_line};
use super::warnings::Warnings;
use crate::archive::{Entry, Log, MAX_ENTRY_BYTES, RawEntries};
use crate::error::StoreError;
use crate::progress::Meter;

/// How much of a file is read at a time, and told of.
pub(super) const READ_BUFFER_BYTES: usize = 256 << 10;

/// A file that is to be compared with the log at `place`.
pub(super) struct Comparison<'a> {
    pub(super) file: &'a File,
    pub(super) path: &'a Path,
    pub(super) place: Place,
    pub(super) bad_lines: BadLines,
    /// Whether a last line without line end is left out, whole or not.
    pub(super) drops_last_line: bool,
    /// Which of all bytes of the import are those of this file.
    pub(super) progress: Range<u64>,
}

impl Comparison<'_> {
    /// How far the import is at that offset in the file.
    fn reached(&self, byte_offset: u64) -> u64 {
        let reached = self.progress.start.saturating_add(byte_offset);
        reached.min(self.progress.end)
    }

    /// Reads the whole file: compares it with what is stored, and finds out whether what it holds
    /// beyond that is sound. Keeps the first chunk of it.
    pub(super) fn run(
        &self,
        stored: &mut Stored,
        warnings: &mut Warnings,
        meter: &mut Meter<'_>,
    ) -> Result<Addition, Stop> {
        let unreadable = |error| Stop::file(self.path, &error);
        if let Some(what) = no_log::known(self.file).map_err(unreadable)? {
            return Err(Stop::no_log(self.path, what));
        }
        let mut lines = lines_between(self.file, Position::START, u64::MAX, self.bad_lines)
            .map_err(unreadable)?;
        let mut added = Addition::default();
        let (mut index, mut foreign) = (0_u64, None);
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            meter.advance(self.reached(line.next.byte_offset));
            if !line.terminated && self.drops_last_line {
                if !line.is_blank() {
                    let remark = "left out, as the last line has no line end yet";
                    warnings.add(line.at, remark.to_owned());
                }
                break;
            }
            let reading = if stored.next_is(line.bytes) {
                // What is stored is known to be sound.
                Reading {
                    entries: read_checked_line(&line),
                    remark: None,
                    is_foreign: false,
                }
            } else {
                read_line(&line, self.bad_lines, MAX_ENTRY_BYTES)
                    .map_err(|message| Stop::bad_line(self.path, line.at, &message))?
            };
            let (index_before, remarked) = (index, reading.remark.is_some());
            if line.byte_order_mark {
                warnings.add(line.at, "a byte order mark was left out".to_owned());
            }
            if reading.is_foreign && foreign.is_none() {
                foreign = Some((line.at, reading.remark.clone()));
            }
            if let Some(remark) = reading.remark {
                warnings.add(line.at, remark);
            }
            for entry in reading.entries {
                match stored.advance()? {
                    Some(same) if *same == *entry => {}
                    Some(_) => {
                        return Err(Stop::diverged(
                            self.path, line.at, self.place, index, &entry,
                        ));
                    }
                    None => added.add(&entry),
                }
                index = index.saturating_add(1);
            }
            added.end_line(&line, index > index_before, remarked);
        }
        meter.tell(None);
        match foreign {
            Some((at, remark)) if index == 0 => {
                let remark = remark.unwrap_or_default();
                let what = format!("no line of it is an entry; line {}: {remark}", at.line);
                Err(Stop::no_log(self.path, &what))
            }
            _ => Ok(added),
        }
    }
}

pub(super) type FileLines<'a> = Lines<BufReader<Take<&'a File>>>;

pub(super) fn lines_between(
    file: &File,
    start: Position,
    end_offset: u64,
    bad_lines: BadLines,
) -> io::Result<FileLines<'_>> {
    let mut source = file;
    source.seek(SeekFrom::Start(start.byte_offset))?;
    let source = source.take(end_offset.saturating_sub(start.byte_offset));
    let source = BufReader::with_capacity(READ_BUFFER_BYTES, source);
    let drops_nuls = bad_lines == BadLines::DropNuls;
    Ok(Lines::new(source, start, MAX_ENTRY_BYTES).dropping_nuls(drops_nuls))
}

/// What is stored already, entry by entry, with a look at the next one.
pub(super) struct Stored {
    pub(super) exists: bool,
    pub(super) len: u64,
    /// Let go of at the end, so that the view behind it does not live on.
    entries: Option<RawEntries>,
    next: Option<Entry>,
}

impl Stored {
    pub(super) fn of(log: &Log) -> Result<Self, StoreError> {
        let entries = match log.read_existing(..) {
            Ok(entries) => Some(entries),
            Err(StoreError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let mut stored = Self {
            exists: entries.is_some(),
            len: entries.as_ref().map_or(0, RawEntries::len_remaining),
            entries,
            next: None,
        };
        stored.advance()?;
        Ok(stored)
    }

    /// A log that is not there.
    pub(super) fn nothing() -> Self {
        Self {
            exists: false,
            len: 0,
            entries: None,
            next: None,
        }
    }

    fn next_is(&self, line: &[u8]) -> bool {
        self.next.as_deref().is_some_and(|entry| entry == line)
    }

    /// Returns the next entry and moves on to the one after it.
    fn advance(&mut self) -> Result<Option<Entry>, StoreError> {
        let after = self.entries.as_mut().and_then(Iterator::next).transpose()?;
        if after.is_none() {
            self.entries = None;
        }
        Ok(std::mem::replace(&mut self.next, after))
    }
}
