//! A file beside what is stored of it: whether the two agree, and what the file holds beyond.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::ops::Range;
use std::path::Path;

use super::addition::Addition;
use super::bad_line::{self, line_of};
use super::choices::BadLines;
use super::entry_taker::EntryTaker;
use super::ids::Place;
use super::large_line::{LARGE_BYTES, LargeLine, keeping_place};
use super::lines::{Line, Lines, Position};
use super::no_log;
use super::not_imported::Stop;
use super::reading::{Reading, read_checked_line, read_line};
use super::values::is_value;
use super::warnings::Warnings;
use crate::archive::{
    CutOff, Entry, Log, MAX_ENTRY_BYTES, Pair, RawEntries, Redactions, Redactor, is_tombstone, pair,
};
use crate::error::StoreError;
use crate::progress::Meter;
use crate::raw_json::RawJson;

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
    /// Which entries of the file were cut off from the log for good.
    pub(super) cut_off: Vec<Range<u64>>,
    /// What was redacted of the session.
    pub(super) redactions: Redactions,
    /// What an entry becomes before it comes in.
    pub(super) redactor: Option<&'a Redactor>,
    /// Which of all bytes of the import are those of this file.
    pub(super) progress: Range<u64>,
}

/// What a comparison found.
#[derive(Default)]
pub(super) struct Compared {
    pub(super) added: Addition,
    /// The number of entries in the file.
    pub(super) entries: u64,
    /// How many of them were taken away from the log for good.
    pub(super) forgotten: u64,
    /// How many of them are stored, or come in, without what was redacted.
    pub(super) redacted: u64,
    /// How many of these are other than the redactor makes them.
    pub(super) redacted_before: u64,
    /// Those that were redacted now, as they were and as they are.
    pub(super) pairs: Vec<Pair>,
    pub(super) byte_order_mark: bool,
    pub(super) final_line_end: bool,
    /// Whether something of the file is in none of its entries.
    pub(super) is_inexact: bool,
    /// The number of entries up to here in the log.
    index: u64,
    /// The first line that is not even the beginning of an entry.
    foreign: Option<(Position, Option<String>)>,
}

impl Comparison<'_> {
    /// How far the import is at that offset in the file.
    fn reached(&self, byte_offset: u64) -> u64 {
        let reached = self.progress.start.saturating_add(byte_offset);
        reached.min(self.progress.end)
    }

    fn lines(&self) -> Result<FileLines<'_>, Stop> {
        lines_between(self.file, Position::START, u64::MAX, self.bad_lines)
            .map_err(|error| Stop::file(self.path, &error))
    }

    /// Reads the whole file: compares it with what is stored, and finds out whether what it holds
    /// beyond that is sound. Keeps the first chunk of it. Shows each entry to `look`.
    pub(super) fn run(
        &self,
        stored: &mut Stored,
        warnings: &mut Warnings,
        meter: &mut Meter<'_>,
        look: &mut dyn EntryTaker,
    ) -> Result<Compared, Stop> {
        let unreadable = |error| Stop::file(self.path, &error);
        if let Some(what) = no_log::known(self.file).map_err(unreadable)? {
            return Err(Stop::no_log(self.path, what));
        }
        let mut lines = self.lines()?.leaving(LARGE_BYTES);
        let mut found = Compared {
            final_line_end: true,
            ..Compared::default()
        };
        if stored.len == 0 {
            let len = self.file.metadata().map_err(unreadable)?.len();
            found.added.first.reserve(len);
        }
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            meter.advance(self.reached(line.next.byte_offset));
            found.final_line_end = line.terminated;
            if !line.terminated && self.drops_last_line {
                found.is_inexact = true;
                if !line.is_blank() {
                    let remark = "left out, as the last line has no line end yet";
                    warnings.add(line.at, remark.to_owned());
                }
                break;
            }
            if let Some(len) = line.large {
                self.large_line(&line, len, &mut found, stored, warnings, look)?;
            } else {
                self.line(&line, &mut found, stored, warnings, look)?;
            }
        }
        meter.tell(None);
        match &found.foreign {
            Some((at, remark)) if found.entries == 0 => {
                let remark = remark.as_deref().unwrap_or_default();
                let what = format!("no line of it is an entry; line {}: {remark}", at.line);
                Err(Stop::no_log(self.path, &what))
            }
            _ => Ok(found),
        }
    }

    /// A line that is too long to be kept: one that is new and comes in as it is, is read in parts.
    fn large_line(
        &self,
        line: &Line<'_>,
        len: u64,
        found: &mut Compared,
        stored: &mut Stored,
        warnings: &mut Warnings,
        look: &mut dyn EntryTaker,
    ) -> Result<(), Stop> {
        let unreadable = |error| Stop::file(self.path, &error);
        let is_new = stored.next.is_none() && self.redactor.is_none();
        if is_new && line.nuls.is_none() && !self.is_cut_off(found.entries) {
            let taken = keeping_place(self.file, || {
                let mut large = LargeLine::of(self.file, line, len)?;
                let known = large.known()?;
                if known.is_some() {
                    look.large_entry(&mut large)?;
                }
                Ok(known)
            });
            if let Some(known) = taken.map_err(unreadable)? {
                found.added.add_large(line, known);
                found.entries = found.entries.saturating_add(1);
                found.index = found.index.saturating_add(1);
                return Ok(());
            }
        }
        let take = |whole: &Line<'_>| self.line(whole, found, stored, warnings, look);
        let taken = with_whole(self.file, line, self.bad_lines, take);
        taken.map_err(unreadable)?.unwrap_or(Ok(()))
    }

    fn line(
        &self,
        line: &Line<'_>,
        found: &mut Compared,
        stored: &mut Stored,
        warnings: &mut Warnings,
        look: &mut dyn EntryTaker,
    ) -> Result<(), Stop> {
        if self.kept(line.bytes, found.entries, stored).is_none() && is_taken(line, look) {
            self.entry(line, (line.bytes, None), found, stored)?;
            found.added.end_line(line, true, false);
            return Ok(());
        }
        let reading = if stored.next_is(line.bytes) {
            // What is stored is known to be sound.
            Reading {
                entries: read_checked_line(line),
                remark: None,
                is_foreign: false,
            }
        } else {
            read_line(line, self.bad_lines, MAX_ENTRY_BYTES)
                .map_err(|message| Stop::bad_line(self.path, line.at, &message))?
        };
        let (before, remarked) = (found.entries, reading.remark.is_some());
        let mut comes_back = false;
        if line.byte_order_mark {
            found.byte_order_mark = true;
            warnings.add(line.at, "a byte order mark was left out".to_owned());
        }
        if reading.is_foreign && found.foreign.is_none() {
            found.foreign = Some((line.at, reading.remark.clone()));
        }
        if let Some(remark) = reading.remark {
            warnings.add(line.at, remark);
        }
        for entry in reading.entries {
            comes_back = !remarked || *line_of(&entry) == *line.bytes;
            let kept = self.kept(&entry, found.entries, stored);
            look.entry(kept.as_ref().map_or(&*entry, Kept::bytes));
            self.entry(line, (&entry, kept), found, stored)?;
        }
        let held_entries = found.entries > before;
        found.is_inexact |= !comes_back;
        found.added.end_line(line, held_entries, remarked);
        Ok(())
    }

    /// What an entry of the file is in the archive, if that is something else since it was redacted.
    fn kept(&self, entry: &[u8], number: u64, stored: &Stored) -> Option<Kept> {
        if self.is_cut_off(number) {
            return None;
        }
        if let Some(next) = &stored.next
            && self.redactions.is_of(next, entry)
        {
            return Some(Kept::Before(next.clone()));
        }
        let redacted = self.redactor?.redact_bytes(entry)?;
        Some(Kept::Now(redacted))
    }

    /// Compares one entry with the one that stands in its place.
    fn entry(
        &self,
        line: &Line<'_>,
        (entry, kept): (&[u8], Option<Kept>),
        found: &mut Compared,
        stored: &mut Stored,
    ) -> Result<(), Stop> {
        let number = found.entries;
        found.entries = number.saturating_add(1);
        if self.is_cut_off(number) {
            found.forgotten = found.forgotten.saturating_add(1);
            return Ok(());
        }
        let own = kept.as_ref().map_or(entry, Kept::bytes);
        match stored.advance()? {
            Some(same) if *same == *own => found.redact(entry, kept),
            // It was there before, and nobody has redacted it there.
            Some(same) if *same == *entry => {}
            Some(erased) if is_tombstone(&erased) => {
                found.forgotten = found.forgotten.saturating_add(1);
            }
            Some(_) => {
                let (path, at, place) = (self.path, line.at, self.place);
                return Err(Stop::diverged(path, at, place, found.index, entry));
            }
            None => {
                found.added.add(own);
                found.redact(entry, kept);
            }
        }
        found.index = found.index.saturating_add(1);
        Ok(())
    }

    /// Which entries of the file are those that were cut off there, as their hash tells; or, of a file
    /// that ends before, the hash of their first. Those that were cut off before do not count.
    pub(super) fn entries_of(&self, cut: &CutOff) -> Result<Vec<Range<u64>>, Stop> {
        let (mut there, mut found) = (cut.compare(), Vec::<Range<u64>>::new());
        let (mut number, mut counted) = (0, 0);
        let mut lines = self.lines()?;
        while counted < cut.to
            && let Some(line) = lines
                .next_line()
                .map_err(|error| Stop::file(self.path, &error))?
        {
            if !line.terminated && self.drops_last_line {
                break;
            }
            let Ok(reading) = read_line(&line, self.bad_lines, MAX_ENTRY_BYTES) else {
                break;
            };
            for entry in reading.entries {
                if !self.is_cut_off(number) {
                    if (cut.from..cut.to).contains(&counted) {
                        there.entry(counted, &entry);
                        match found.last_mut().filter(|last| last.end == number) {
                            Some(last) => last.end += 1,
                            None => found.push(number..number + 1),
                        }
                    }
                    counted += 1;
                }
                number += 1;
            }
        }
        Ok(if there.is_same(counted >= cut.to) {
            found
        } else {
            Vec::new()
        })
    }

    fn is_cut_off(&self, number: u64) -> bool {
        self.cut_off.iter().any(|range| range.contains(&number))
    }
}

impl Compared {
    /// Takes note of an entry that is stored as something else, if it is.
    fn redact(&mut self, entry: &[u8], kept: Option<Kept>) {
        let Some(kept) = kept else {
            return;
        };
        self.redacted += 1;
        self.is_inexact = true;
        match kept {
            Kept::Before(_) => {
                self.redacted_before += 1;
                self.forgotten = self.forgotten.saturating_add(1);
            }
            Kept::Now(now) => self.pairs.push(pair(entry, now.as_str().as_bytes())),
        }
    }
}

/// What an entry is in the archive without what was redacted.
enum Kept {
    /// Since it was redacted there.
    Before(Entry),
    /// Since it is redacted now.
    Now(RawJson),
}

impl Kept {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Before(entry) => entry,
            Self::Now(entry) => entry.as_str().as_bytes(),
        }
    }
}

/// Whether the line is an entry as it is, which `look` has taken.
fn is_taken(line: &Line<'_>, look: &mut dyn EntryTaker) -> bool {
    if line.nuls.is_some() || line.over_limit.is_some() || line.byte_order_mark {
        return false;
    }
    let Ok(text) = std::str::from_utf8(line.bytes) else {
        return false;
    };
    let is_taken = !bad_line::may_be_marker(line.bytes) && look.line(text);
    debug_assert!(!is_taken || is_value(line.bytes), "{text:?} is no JSON");
    is_taken
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
    let drops_nuls = bad_lines.drops_nuls();
    Ok(Lines::new(source, start, MAX_ENTRY_BYTES).dropping_nuls(drops_nuls))
}

/// Reads a line again that was left where it is, as a whole.
pub(super) fn with_whole<T>(
    file: &File,
    line: &Line<'_>,
    bad_lines: BadLines,
    call: impl FnOnce(&Line<'_>) -> T,
) -> io::Result<Option<T>> {
    keeping_place(file, || {
        let mut lines = lines_between(file, line.at, line.next.byte_offset, bad_lines)?;
        Ok(lines.next_line()?.map(|whole| call(&whole)))
    })
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
