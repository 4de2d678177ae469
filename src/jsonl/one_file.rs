//! One file into one log: compared with what is stored, and what is new appended, the last of it in one
//! step with what a visitor adds.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::time::UNIX_EPOCH;

use super::addition::{Appending, Chunk, Rest};
use super::choices::BadLines;
use super::comparison::{Compared, Comparison, Stored, lines_between, with_whole};
use super::entry_taker::EntryTaker;
use super::ids::Place;
use super::large_line::{LARGE_BYTES, LargeLine, keeping_place};
use super::lines::Line;
use super::log_file::{FileVisitor, LogFile, Seen};
use super::not_imported::Stop;
use super::read_ahead::ReadAhead;
use super::reading::{read_checked_line, read_line};
use super::report::Outcome;
use super::warnings::Warnings;
use crate::archive::{
    Archive, Batch, Durability, Entry, KnownEntry, Log, MAX_ENTRY_BYTES, Pair, Redactor,
};
use crate::progress::Meter;

/// A file on its way into the log at `place`.
pub(super) struct OneFile<'i, 'v, 'd> {
    pub(super) archive: &'i Archive,
    pub(super) log: Log,
    pub(super) file: &'i LogFile<'i>,
    pub(super) place: Place,
    pub(super) bad_lines: BadLines,
    pub(super) redactor: Option<&'i Redactor>,
    pub(super) drops_last_line: bool,
    pub(super) warnings: &'i mut Warnings,
    pub(super) visitor: &'v mut (dyn FileVisitor + 'd),
    /// What was read of the file before.
    pub(super) ahead: Option<ReadAhead>,
    /// A batch for what a small file adds, and whether something was added to it.
    pub(super) shared: Option<&'v mut (Batch, bool)>,
}

impl OneFile<'_, '_, '_> {
    /// Appends what the file holds beyond what is stored. Returns what was done, and how many entries
    /// were left out since they had been taken away for good.
    pub(super) fn run(
        &mut self,
        meter: &mut Meter<'_>,
        progress: &Range<u64>,
    ) -> Result<(Outcome, u64), Stop> {
        let at_ms = self.file.timestamp_ms;
        let at_ms = at_ms.unwrap_or_else(|| modified_ms(self.file.file));
        self.log = self.log.clone().with_timestamp(at_ms);
        let mut comparison = Comparison {
            file: self.file.file,
            path: self.file.path,
            place: self.place,
            bad_lines: self.bad_lines,
            drops_last_line: self.drops_last_line,
            cut_off: Vec::new(),
            redactions: self.archive.snapshot()?.redactions(self.place.session)?,
            redactor: self.redactor,
            progress: progress.clone(),
        };
        self.find_cut_off(&mut comparison)?;
        let mut stored = Stored::of(&self.log)?;
        let (exists, stored_len) = (stored.exists, stored.len);
        // Only where there is nothing to compare it with.
        let is_new = !exists && stored_len == 0 && comparison.cut_off.is_empty();
        let found = if let Some(ahead) = self.ahead.take().filter(|_| is_new) {
            self.visitor.was_read_ahead();
            *self.warnings = ahead.warnings;
            ahead.found?
        } else {
            let mut look = Look(&mut *self.visitor);
            comparison.run(&mut stored, self.warnings, meter, &mut look)?
        };
        drop(stored);
        let forgotten = found.forgotten;
        if found.added.is_empty() {
            if exists || self.place.trace {
                self.tell(&found, stored_len)?;
                return Ok((Outcome::Unchanged { total: stored_len }, forgotten));
            }
            return Ok((self.create_empty()?, forgotten));
        }
        let outcome = self.append(found, stored_len)?;
        Ok((outcome, forgotten))
    }

    /// Finds out which entries of the file were cut off from the log for good.
    fn find_cut_off(&self, comparison: &mut Comparison<'_>) -> Result<(), Stop> {
        if self.place.trace {
            return Ok(());
        }
        let now = self.archive.snapshot()?;
        let (session, segment) = (self.place.session, self.place.segment);
        let Some(mark) = now.forgotten(session, segment)? else {
            return Ok(());
        };
        // What was written since is a log like any other.
        if mark.is_whole() && !now.log(session, segment).exists()? {
            let entries = mark.entries;
            return Err(Stop::Forgotten { entries });
        }
        for cut in mark.cuts {
            let cut_off = comparison.entries_of(&cut)?;
            comparison.cut_off.extend(cut_off);
        }
        Ok(())
    }

    fn append(&mut self, found: Compared, stored_len: u64) -> Result<Outcome, Stop> {
        let log = self.log.clone();
        let mut appending = Appending::new(&log, self.file.path, stored_len);
        let mut seen = self.seen(&found, stored_len);
        let (session, mut pairs) = (self.place.session, found.pairs);
        if found.added.rest.is_some() && !pairs.is_empty() {
            // Before what they are of: the marks mean nothing without that.
            let mut batch = self.archive.batch().with_durability(Durability::Written);
            batch.mark_pairs(session, &std::mem::take(&mut pairs));
            batch.commit()?;
        }
        appending.append(found.added.first, true)?;
        if let Some(rest) = found.added.rest {
            self.append_rest(self.file.file, &rest, &mut appending)?;
        }
        seen.total = appending.len();
        let visitor = &mut self.visitor;
        let shared = self.shared.as_mut().map(|(batch, _)| batch);
        let is_shared = appending.finish(self.archive, shared, |batch| {
            batch.mark_pairs(session, &pairs);
            visitor.finish(&seen, batch)
        })?;
        if let Some((_, is_used)) = &mut self.shared {
            *is_used |= is_shared;
        }
        Ok(Outcome::Imported {
            new: appending.appended(),
            total: appending.len(),
        })
    }

    /// Lets the visitor add what it has to say of a file of which nothing is new.
    fn tell(&mut self, found: &Compared, total: u64) -> Result<(), Stop> {
        let seen = self.seen(found, total);
        let (session, pairs) = (self.place.session, self.unknown(found)?);
        if let Some((batch, is_used)) = &mut self.shared {
            batch.mark_pairs(session, &pairs);
            *is_used |= self.visitor.finish(&seen, batch)? || !pairs.is_empty();
            return Ok(());
        }
        let mut batch = self.archive.batch().with_durability(Durability::Written);
        batch.mark_pairs(session, &pairs);
        if self.visitor.finish(&seen, &mut batch)? || !pairs.is_empty() {
            batch.commit()?;
        }
        Ok(())
    }

    /// What was redacted now, and is not known to be.
    fn unknown(&self, found: &Compared) -> Result<Vec<Pair>, Stop> {
        if found.pairs.is_empty() {
            return Ok(Vec::new());
        }
        let known = self.archive.snapshot()?.redactions(self.place.session)?;
        let known: HashSet<Pair> = known.pairs().into_iter().collect();
        let pairs = found.pairs.iter().filter(|pair| !known.contains(pair));
        Ok(pairs.copied().collect())
    }

    fn seen(&self, found: &Compared, total: u64) -> Seen {
        Seen {
            session: self.place.session,
            segment: self.place.segment,
            entries: found.entries,
            total,
            byte_order_mark: found.byte_order_mark,
            final_line_end: found.final_line_end,
            is_exact: !found.is_inexact,
            redacted: found.redacted,
            redacted_before: found.redacted_before,
        }
    }

    /// Creates a segment without entries, unless another writer has begun one by now.
    fn create_empty(&self) -> Result<Outcome, Stop> {
        let none: [Entry; 0] = [];
        let append = |error| Stop::append(self.file.path, 0, error);
        let mut batch = self.archive.batch().with_durability(Durability::Written);
        batch.append_at(&self.log, 0, &none)?;
        batch.replace(&self.log, &none)?;
        batch.commit().map_err(append)?;
        Ok(Outcome::Imported { new: 0, total: 0 })
    }

    /// Reads the file again from where the first chunk ended, and appends chunk after chunk.
    fn append_rest(
        &self,
        file: &File,
        rest: &Rest,
        appending: &mut Appending<'_>,
    ) -> Result<(), Stop> {
        let path = appending.path();
        let expected_len = appending.len().saturating_add(rest.entries);
        let lines = lines_between(file, rest.start, rest.end_offset, self.bad_lines);
        let lines = lines.map_err(|error| Stop::file(path, &error))?;
        let mut lines = lines.leaving(LARGE_BYTES);
        let (mut chunk, mut number) = (Chunk::default(), 0);
        while let Some(line) = lines
            .next_line()
            .map_err(|error| Stop::file(path, &error))?
        {
            match (line.large, rest.large_at(line.at.byte_offset)) {
                (Some(len), Some(known)) => {
                    let is_checked = rest.is_same(number, &chunk);
                    number += usize::from(!chunk.is_empty());
                    appending.append(std::mem::take(&mut chunk), is_checked)?;
                    self.append_large((&line, len), known, appending)?;
                }
                (Some(_), None) => {
                    let add = |whole: &Line<'_>| self.add(whole, rest, &mut chunk, appending);
                    let added = with_whole(file, &line, self.bad_lines, add);
                    let added = added.map_err(|error| Stop::file(path, &error))?;
                    added.unwrap_or_else(|| Err(appending.file_changed()))?;
                }
                (None, _) => self.add(&line, rest, &mut chunk, appending)?,
            }
            if chunk.is_full() {
                let is_checked = rest.is_same(number, &chunk);
                appending.append(std::mem::take(&mut chunk), is_checked)?;
                number += 1;
            }
        }
        let is_checked = rest.is_same(number, &chunk);
        appending.append(chunk, is_checked)?;
        if appending.len() == expected_len {
            Ok(())
        } else {
            Err(appending.file_changed())
        }
    }

    /// Appends a line that is read in parts.
    fn append_large(
        &self,
        (line, len): (&Line<'_>, u64),
        known: KnownEntry,
        appending: &mut Appending<'_>,
    ) -> Result<(), Stop> {
        let (file, path) = (self.file.file, appending.path());
        let appended = keeping_place(file, || {
            let line = LargeLine::of(file, line, len)?;
            Ok(appending.append_large(line, known))
        });
        appended.map_err(|error| Stop::file(path, &error))?
    }

    /// Adds the entries of a line to a chunk.
    fn add(
        &self,
        line: &Line<'_>,
        rest: &Rest,
        chunk: &mut Chunk,
        appending: &Appending<'_>,
    ) -> Result<(), Stop> {
        let entries = if rest.has_bad_lines {
            read_line(line, self.bad_lines, MAX_ENTRY_BYTES)
                .map_err(|_| appending.file_changed())?
                .entries
        } else {
            read_checked_line(line)
        };
        for entry in entries {
            let redacted = self
                .redactor
                .and_then(|redactor| redactor.redact_bytes(&entry));
            match redacted {
                Some(redacted) => chunk.add(redacted.as_str().as_bytes()),
                None => chunk.add(&entry),
            }
        }
        Ok(())
    }
}

/// Shows what is read to a visitor.
struct Look<'v, 'd>(&'v mut (dyn FileVisitor + 'd));

impl EntryTaker for Look<'_, '_> {
    fn entry(&mut self, entry: &[u8]) {
        self.0.entry(entry);
    }

    fn large_entry(&mut self, entry: &mut dyn Read) -> io::Result<()> {
        self.0.large_entry(entry)
    }
}

/// When the file was last written, in milliseconds since the Unix epoch; now, if the file system
/// does not know.
fn modified_ms(file: &File) -> u64 {
    match file.metadata().and_then(|metadata| metadata.modified()) {
        Ok(time) => time.duration_since(UNIX_EPOCH).map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        }),
        Err(_) => crate::now_ms(),
    }
}
