//! Keeps a summary while a file comes in, and adds it to the step that completes the file.

use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sessiondb::archive::Batch;
use sessiondb::jsonl::{FileVisitor, Seen};
use sessiondb::{Archive, SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::{Fold, Summary};

use crate::host;
use crate::notes::{
    self, LogNote, SourceNote, Stamp, TextForm, key_of_log, key_of_source, key_of_summary,
};
use crate::shorten::shortened;

/// A log that was left alone for so long is folded anew should it grow: keeping what is known of each
/// for ever would take more room than the work is worth.
const MAY_GROW_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// In which form a log stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Lines,
    /// As one document.
    Document,
    /// As one of many sessions.
    Part,
}

/// Looks at one file.
pub(crate) struct Visit<'v> {
    pub(crate) archive: &'v Archive,
    pub(crate) absolute: &'v Path,
    pub(crate) source: &'v str,
    pub(crate) stamp: Stamp,
    pub(crate) header: Option<String>,
    /// The header before something was redacted in it.
    pub(crate) header_was: Option<String>,
    /// Whether the header is the one that is stored, in place of that of the file.
    pub(crate) keeps_header: bool,
    pub(crate) subagent: Option<String>,
    pub(crate) form: Form,
    /// What is known after some of the entries, or all.
    pub(crate) fold: Option<Fold>,
    /// The same before any entry, should the file not be what was expected.
    pub(crate) anew: Option<Fold>,
    pub(crate) begun: bool,
    /// The entries that were folded before, and their bytes: those of the file, unless it changed since or
    /// has a line that is not sound.
    pub(crate) lines: Option<(u64, u64)>,
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    /// Whether the summary has to be made from what is stored, which differs from the file.
    pub(crate) refold: bool,
}

impl FileVisitor for Visit<'_> {
    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) && self.anew.is_some() {
            self.fold = self.anew.clone();
            self.lines = None;
        }
        (self.number, self.bytes) = (0, 0);
    }

    fn entry(&mut self, entry: &[u8]) {
        self.take(entry, entry.len() as u64);
    }

    fn large_entry(&mut self, entry: &mut dyn Read) -> io::Result<()> {
        let (short, len) = shortened(entry)?;
        self.take(&short, len);
        Ok(())
    }

    fn was_read_ahead(&mut self) {
        self.lines = None;
    }

    fn finish(&mut self, seen: &Seen, batch: &mut Batch) -> Result<bool, StoreError> {
        let now = self.archive.snapshot()?;
        let source = self.source_note(seen);
        let mut changed = false;
        if notes::read_source(&now, self.absolute)?.as_ref() != Some(&source) {
            batch.write_note(&key_of_source(self.absolute), &source)?;
            changed = true;
        }
        let known = notes::read_log(&now, seen.session, seen.segment)?;
        let is_shorter = known
            .as_ref()
            .is_some_and(|known| known.entries > seen.entries);
        if is_shorter || seen.entries == 0 {
            return Ok(changed);
        }
        let fold = self.fold.as_ref();
        let are_lines = self.lines.is_none_or(|(_, bytes)| bytes == self.bytes);
        let is_as_folded = seen.redacted_before == 0 && !self.keeps_header;
        let is_all =
            are_lines && is_as_folded && fold.is_none_or(|fold| fold.entries() == seen.entries);
        self.refold = fold.is_some() && (!is_all || seen.total != seen.entries);
        let note = self.log_note(seen, is_all)?;
        let json = |note: &LogNote| serde_json::to_string(note);
        let is_new = match &known {
            Some(known) => json(known)? != json(&note)?,
            None => true,
        };
        if !is_new {
            return Ok(changed);
        }
        if let (Some(was), Some(now)) = (&self.header_was, &self.header) {
            batch.mark_redacted(seen.session, now.as_bytes(), was.as_bytes());
        }
        batch.write_note(&key_of_log(seen.session, seen.segment), &note)?;
        if let (Some(fold), None, false) = (fold, &self.subagent, self.refold) {
            let summary = located(fold.summary(), self.source);
            let place = (seen.session, seen.segment);
            put_summary(&now, batch, place, &summary, fold.entries())?;
        }
        Ok(true)
    }
}

impl Visit<'_> {
    /// Folds the next entry, of so many bytes.
    fn take(&mut self, entry: &[u8], len: u64) {
        if let Some(fold) = &mut self.fold
            && self.number >= fold.entries()
        {
            fold.entry(entry);
        }
        self.number += 1;
        if self.lines.is_some_and(|(lines, _)| self.number <= lines) {
            self.bytes += len;
        }
    }

    fn source_note(&self, seen: &Seen) -> SourceNote {
        SourceNote {
            session: seen.session,
            segment: seen.segment,
            entries: seen.entries,
            stored: seen.total,
            len_bytes: self.stamp.len_bytes,
            modified_ns: self.stamp.modified_ns,
            file: self.stamp.file.clone(),
            settled: self.stamp.settled,
            whole: match self.form {
                Form::Lines => seen.is_exact,
                Form::Document => {
                    seen.redacted == 0 && self.header_was.is_none() && !self.keeps_header
                }
                Form::Part => false,
            },
        }
    }

    fn log_note(&self, seen: &Seen, is_all: bool) -> Result<LogNote, StoreError> {
        let header = self.header.clone().map(RawValue::from_string).transpose()?;
        let fold = self.fold.as_ref();
        Ok(LogNote {
            agent: fold.map_or_else(String::new, |fold| fold.agent().name().to_owned()),
            path: self.source.to_owned(),
            entries: seen.entries,
            text: TextForm {
                byte_order_mark: seen.byte_order_mark,
                final_line_end: seen.final_line_end || self.form != Form::Lines,
                is_exact: seen.is_exact || self.form != Form::Lines,
            },
            is_document: self.form != Form::Lines,
            header,
            subagent: self.subagent.clone(),
            fold: fold.filter(|_| is_all && may_grow(&self.stamp)).cloned(),
        })
    }
}

fn may_grow(stamp: &Stamp) -> bool {
    let modified = UNIX_EPOCH + Duration::from_nanos(stamp.modified_ns);
    // One from the future is as good as new.
    let age = SystemTime::now().duration_since(modified);
    age.is_ok_and(|age| age < MAY_GROW_FOR) || modified > SystemTime::now()
}

/// The summary with where it came from.
pub(crate) fn located(mut summary: Summary, source: &str) -> Summary {
    summary.source_path = Some(source.to_owned());
    summary.host = host::name().map(str::to_owned);
    summary
}

/// The summary as it is stored: with the segment that it is of, and how many entries it covers.
pub(crate) fn fields_of(
    summary: &Summary,
    segment: SegmentId,
    entries: u64,
) -> Result<Map<String, Value>, serde_json::Error> {
    let mut fields = match serde_json::to_value(summary)? {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("segment".to_owned(), segment.to_string().into());
    fields.insert("entries".to_owned(), entries.into());
    Ok(fields)
}

/// Adds: the summary becomes that of the session, unless another segment of it has been used since.
pub(crate) fn put_summary(
    now: &Snapshot,
    batch: &mut Batch,
    (session, segment): (SessionId, SegmentId),
    summary: &Summary,
    entries: u64,
) -> Result<(), StoreError> {
    let stored = notes::read_summary(now, session)?;
    if stored.is_some_and(|stored| is_of_another(&stored, segment, summary.last_activity_ms)) {
        return Ok(());
    }
    let fields = fields_of(summary, segment, entries)?;
    batch.write_note(&key_of_summary(session), &fields)?;
    Ok(())
}

/// Whether the summary that is there is of another segment that was used later.
fn is_of_another(there: &Map<String, Value>, own: SegmentId, last_ms: Option<i64>) -> bool {
    let theirs = there.get("last_activity_ms").and_then(Value::as_i64);
    let segment = there.get("segment").and_then(Value::as_str);
    segment.is_some_and(|segment| segment != own.to_string()) && theirs >= last_ms
}
