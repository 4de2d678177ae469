//! Keeps a summary while a file comes in, and adds it to the step that completes the file.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sessiondb::archive::Batch;
use sessiondb::jsonl::{FileVisitor, Seen};
use sessiondb::{Archive, SegmentId, SessionId, StoreError};
use sessiondb_agents::{Fold, Summary};

use crate::host;
use crate::notes::{self, LogNote, SourceNote, Stamp, TextForm, key_of_log, key_of_source};

/// A log that was left alone for so long is folded anew should it grow: keeping what is known of each
/// for ever would take more room than the work is worth.
const MAY_GROW_FOR: Duration = Duration::from_secs(14 * 24 * 3600);

/// Looks at one file.
pub(crate) struct Visit<'v> {
    pub(crate) archive: &'v Archive,
    pub(crate) absolute: &'v Path,
    pub(crate) source: &'v str,
    pub(crate) stamp: Stamp,
    pub(crate) header: Option<String>,
    pub(crate) subagent: Option<String>,
    pub(crate) is_document: bool,
    /// Whether there is more in the file.
    pub(crate) is_part: bool,
    /// What is known after some of the entries, or all.
    pub(crate) fold: Option<Fold>,
    /// The same before any entry, should the file not be what was expected.
    pub(crate) anew: Option<Fold>,
    pub(crate) begun: bool,
    pub(crate) number: u64,
    /// Whether the summary has to be made from what is stored, which differs from the file.
    pub(crate) refold: bool,
}

impl FileVisitor for Visit<'_> {
    fn begin(&mut self) {
        if std::mem::replace(&mut self.begun, true) && self.anew.is_some() {
            self.fold = self.anew.clone();
        }
        self.number = 0;
    }

    fn entry(&mut self, entry: &[u8]) {
        if let Some(fold) = &mut self.fold
            && self.number >= fold.entries()
        {
            fold.entry(entry);
        }
        self.number += 1;
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
        let is_all = fold.is_none_or(|fold| fold.entries() == seen.entries);
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
        batch.write_note(&key_of_log(seen.session, seen.segment), &note)?;
        if let (Some(fold), None, false) = (fold, &self.subagent, self.refold) {
            let summary = located(fold.summary(), self.source);
            put_summary(batch, seen.session, seen.segment, &summary)?;
        }
        Ok(true)
    }
}

impl Visit<'_> {
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
            whole: (seen.is_exact || self.is_document) && !self.is_part,
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
                final_line_end: seen.final_line_end || self.is_document,
            },
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

/// Adds: the summary becomes that of the session, unless another segment of it has been used since.
pub(crate) fn put_summary(
    batch: &mut Batch,
    session: SessionId,
    segment: SegmentId,
    summary: &Summary,
) -> Result<(), StoreError> {
    let Value::Object(mut fields) = serde_json::to_value(summary)? else {
        return Ok(());
    };
    let own = Value::from(segment.to_string());
    fields.insert("segment".to_owned(), own.clone());
    let last_ms = summary.last_activity_ms;
    batch.update_metadata(session, move |metadata| {
        if is_of_another(metadata, &own, last_ms) {
            return Ok(());
        }
        if let Some(cwd) = fields.get("cwd") {
            metadata.entry("cwd").or_insert_with(|| cwd.clone());
        }
        metadata.insert("summary".to_owned(), Value::Object(fields));
        Ok(())
    });
    Ok(())
}

/// Whether the summary that is there is of another segment that was used later.
fn is_of_another(metadata: &Map<String, Value>, own: &Value, last_ms: Option<i64>) -> bool {
    let Some(there) = metadata.get("summary") else {
        return false;
    };
    let theirs = there.get("last_activity_ms").and_then(Value::as_i64);
    there.get("segment").is_some_and(|segment| segment != own) && theirs >= last_ms
}
