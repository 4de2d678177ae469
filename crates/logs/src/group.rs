//! Logs on their way into the archive, several small ones in one step: a step costs the more, the more
//! has come in since the last checkpoint.

use std::collections::HashSet;

use sessiondb::archive::Batch;
use sessiondb::jsonl::{self, FileReport, FileVisitor, LogFile, Outcome, ReadAhead};
use sessiondb::{Archive, Durability, SegmentId, SessionId, StoreError};
use sessiondb_agents::{Agent, Fold};

use crate::notes;
use crate::place::{self, Place};
use crate::prepare::Ready;
use crate::refresh::refresh;
use crate::report::{ImportReport, Imported};
use crate::source::slashed;
use crate::visit::{Form, Visit};

/// How many files come in in one step, of which all are kept open until then.
const FILES: usize = 64;
/// How many bytes of files come in in one step.
const BYTES: u64 = 8 << 20;

/// Files that come in together.
pub(crate) struct Group<'a> {
    archive: &'a Archive,
    library: jsonl::Import<'a>,
    batch: Option<Batch>,
    members: Vec<Member>,
    len_bytes: u64,
    /// The sessions that this import began.
    begun: HashSet<SessionId>,
}

/// A file of which all is in the batch.
struct Member {
    ready: Ready,
    place: Place,
    /// Which of all reports is the file's.
    report: usize,
    /// The segment whose summary is to be made anew.
    refold: Option<(SessionId, SegmentId)>,
}

/// What became of a file.
struct Done {
    report: FileReport,
    /// The segment whose summary is to be made anew.
    refold: Option<(SessionId, SegmentId)>,
    /// Whether it is in the batch.
    is_shared: bool,
}

impl<'a> Group<'a> {
    pub(crate) fn new(archive: &'a Archive, library: jsonl::Import<'a>) -> Self {
        Self {
            archive,
            library,
            batch: None,
            members: Vec::new(),
            len_bytes: 0,
            begun: HashSet::new(),
        }
    }

    /// Brings a file in, at the latest when the group [ends](Self::end), and reports it.
    pub(crate) fn add(
        &mut self,
        mut ready: Ready,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        let now = self.archive.snapshot()?;
        let identity = ready.folded.fold.as_ref().map(Fold::identity);
        let place = place::of(&now, &ready.file, identity, &ready.source.lines)?;
        let is_there = now.session(place.session)?.is_some();
        drop(now);
        // What is not committed yet is seen by none that follows.
        let is_same = |member: &Member| member.place.session == place.session;
        if self.members.iter().any(is_same) {
            self.end(report)?;
        }
        let own = || self.archive.batch().with_durability(Durability::Written);
        let batch = self.batch.take().unwrap_or_else(own);
        let Done {
            report: done,
            refold,
            is_shared,
        } = {
            let ahead = ready.ahead.take();
            self.import(&ready, ahead, &place, Some(batch))?
        };
        let has_come = matches!(done.outcome, Outcome::Imported { .. });
        let number = report.files.len();
        report.files.push(Imported {
            is_new_session: has_come && !is_there && self.begun.insert(done.session),
            in_trash: false,
            held_back: ready.source.held_back,
            report: done,
            agent: ready.source.agent.map(Agent::name),
            was_skipped: false,
        });
        if !is_shared {
            return refold.map_or(Ok(()), |(session, segment)| {
                refresh(self.archive, session, segment)
            });
        }
        self.len_bytes += ready.file.len_bytes;
        self.members.push(Member {
            ready,
            place,
            report: number,
            refold,
        });
        if self.members.len() >= FILES || self.len_bytes >= BYTES {
            self.end(report)?;
        }
        Ok(())
    }

    /// Commits what was added.
    pub(crate) fn end(&mut self, report: &mut ImportReport) -> Result<(), StoreError> {
        let members = std::mem::take(&mut self.members);
        self.len_bytes = 0;
        let Some(batch) = self.batch.take().filter(|_| !members.is_empty()) else {
            return Ok(());
        };
        match batch.commit() {
            Ok(()) => {}
            // Somebody else wrote to one of the logs: one by one, each is compared anew.
            Err(
                StoreError::Conflict { .. }
                | StoreError::ConditionFailed { .. }
                | StoreError::NoteChanged { .. },
            ) => {
                return self.one_by_one(members, report);
            }
            Err(error) => return Err(error),
        }
        for (session, segment) in members.into_iter().filter_map(|member| member.refold) {
            refresh(self.archive, session, segment)?;
        }
        Ok(())
    }

    fn one_by_one(
        &mut self,
        members: Vec<Member>,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        for member in members {
            let done = self.import(&member.ready, None, &member.place, None)?;
            if let Some(imported) = report.files.get_mut(member.report) {
                imported.report = done.report;
            }
            if let Some((session, segment)) = done.refold {
                refresh(self.archive, session, segment)?;
            }
        }
        Ok(())
    }

    /// The header that is stored, if it is what was left of that of the file since it was redacted.
    fn kept_header(
        &self,
        header: Option<&str>,
        place: &Place,
    ) -> Result<Option<String>, StoreError> {
        let Some(header) = header else {
            return Ok(None);
        };
        let now = self.archive.snapshot()?;
        let redactions = now.redactions(place.session)?;
        if redactions.is_empty() {
            return Ok(None);
        }
        let known = notes::read_log(&now, place.session, place.segment)?;
        let known = known.and_then(|known| known.header);
        let known = known.map(|known| known.get().to_owned());
        Ok(known.filter(|known| redactions.is_of(known.as_bytes(), header.as_bytes())))
    }

    /// Imports one file, into the batch if there is one. Returns whether that is how it came in.
    fn import(
        &mut self,
        ready: &Ready,
        ahead: Option<ReadAhead>,
        place: &Place,
        batch: Option<Batch>,
    ) -> Result<Done, StoreError> {
        let Ready {
            file: found,
            absolute,
            source,
            folded,
            ahead: _,
        } = ready;
        let mut file = LogFile::new(&source.path, &source.lines, place.session, place.segment)
            .trace(found.trace)
            .line_ends_count(found.line_ends_count);
        // When a session was used last its entries say. The time of a file is that of the last copy.
        let told = folded.fold.as_ref().and_then(Fold::last_activity_ms);
        let told = told.and_then(|told| u64::try_from(told).ok());
        if let Some(told) = told.filter(|told| *told > 0) {
            file = file.timestamp_ms(told);
        } else if source.is_document {
            file = file.timestamp_ms(source.stamp.modified_ns / 1_000_000);
        }
        let path = slashed(absolute);
        let kept = self.kept_header(source.header.as_deref(), place)?;
        let mut visit = Visit {
            archive: self.archive,
            absolute,
            source: &path,
            stamp: source.stamp.clone(),
            keeps_header: kept.is_some(),
            header: kept.or_else(|| source.header.clone()),
            header_was: source.header_was.clone(),
            subagent: place.subagent.clone(),
            form: match (source.is_document, source.is_part) {
                (_, true) => Form::Part,
                (true, false) => Form::Document,
                (false, false) => Form::Lines,
            },
            fold: folded.fold.clone(),
            anew: folded.anew.clone(),
            begun: false,
            lines: folded.lines,
            number: 0,
            bytes: 0,
            refold: false,
        };
        let visitor: Option<&mut dyn FileVisitor> =
            if found.trace { None } else { Some(&mut visit) };
        let (report, is_shared) = match batch {
            Some(batch) => {
                let (report, batch, is_shared) =
                    self.library.file_into(&file, ahead, visitor, batch)?;
                self.batch = Some(batch);
                (report, is_shared)
            }
            None => (self.library.file(&file, visitor)?, false),
        };
        let refold = visit.refold.then_some((report.session, report.segment));
        Ok(Done {
            report,
            refold,
            is_shared,
        })
    }
}
