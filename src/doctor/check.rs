//! `check`: every checksum of the file, and all that its tables and its journal say.
//!
//! Where redb cannot read on, pages are read without it, so that damage does not end a check.

use std::collections::BTreeSet;

use super::findings::{CheckReport, Findings};
use super::problem::{EntryRange, Part, Problem};
use super::tables;
use crate::archive::Archive;
use crate::engine::{Engine, Found, Layers, LogId, LogKind, Outcome, SessionRow, Table};
use crate::error::StoreError;
use crate::progress::{Listener, Progress};

impl Archive {
    /// Reads all of the archive as of now and verifies it, while others may write. Memory does
    /// not grow with the archive: of many problems the first 1,000 are listed.
    ///
    /// Damage does not end the check. Where the database cannot be read to its end, its pages are
    /// read one by one; then memory grows with the number of rows. The progress is in pages and rows.
    ///
    /// # Errors
    ///
    /// Those of [`snapshot`](Self::snapshot), and [`StoreError::Io`] if the operating system
    /// refuses to read. Damage is in the report.
    pub fn check(
        &self,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<CheckReport, StoreError> {
        let snapshot = self.snapshot()?;
        // While it lives no page of the tables is used again.
        let layers = snapshot.view().read(|layers| Ok(layers.clone()))?;
        let mut check = Check::new(&layers, progress);
        let engine = self.engine();
        let checked = check.file(engine).and_then(|()| {
            let before = check.findings.report.clone();
            engine.guarded(|| check.tables()).or_else(|fault| {
                if fault.is_lock_timeout() {
                    return Err(fault);
                }
                check.findings.report = before;
                check.without_redb(&engine.read_tables()?);
                if check.findings.report.is_clean() && check.damaged_pages.is_empty() {
                    check
                        .findings
                        .problem(Problem::new(Part::Database, fault.to_string()));
                }
                Ok(())
            })
        });
        checked.map_err(|fault| fault.at(self.path()))?;
        check.pages();
        Ok(check.findings.finish())
    }
}

struct Check<'c, 'l> {
    layers: &'c Layers,
    findings: Findings<'l>,
    /// Those whose damage the rows do not show: the table and the byte of the file.
    damaged_pages: Vec<(Table, u64)>,
}

impl<'c, 'l> Check<'c, 'l> {
    fn new(layers: &'c Layers, progress: Listener<'l>) -> Self {
        Self {
            layers,
            findings: Findings::new(progress),
            damaged_pages: Vec::new(),
        }
    }

    /// Superblock, journal, and the checksums of the pages that the tables are in.
    fn file(&mut self, engine: &Engine) -> Outcome<()> {
        match engine.read_superblock() {
            Ok(()) => {}
            Err(StoreError::Io(err)) => return Err(err.into()),
            Err(err) => self
                .findings
                .problem(Problem::new(Part::Superblock, words_of(err))),
        }
        let rows = engine
            .guarded(|| self.layers.tables().row_count())
            .unwrap_or(0);
        let pages = engine.image_pages()?;
        self.findings.meter.expect(rows + pages);
        if let Ok(Some(cut)) = engine.guarded(|| engine.journal_cut_off()) {
            let message = format!(
                "epoch {}, frame {}: it was torn by power loss, or damaged since; it and the {} \
                 whole ones behind it do not count",
                cut.epoch, cut.frame, cut.frames_behind
            );
            self.findings
                .report
                .notes
                .push(Problem::new(Part::Journal, message));
        }
        let mut visited = 0;
        let checked = engine.check_pages(&mut |damage| {
            visited += 1;
            self.damaged_pages.extend(damage);
            self.findings.meter.reach(visited.min(pages));
        });
        checked.or_else(|fault| self.findings.note(fault, Problem::new(Part::Database, "")))?;
        self.findings.meter.reach(pages);
        Ok(())
    }

    fn tables(&mut self) -> Outcome<()> {
        tables::check(self.layers.tables(), &mut self.findings)?;
        self.journal()
    }

    /// What can be told of tables that redb cannot read to their end, or cannot read at all.
    fn without_redb(&mut self, found: &Found) {
        for lost in &found.lost {
            self.findings.problem(Problem::of_lost(lost));
            self.damaged_pages.retain(|(_, at)| lost.at != Some(*at));
        }
        let mut sessions = BTreeSet::new();
        for ((session, segment), found) in &found.segments {
            sessions.insert(*session);
            self.findings.report.segments += u64::from(found.exists);
            for (kind, log) in [
                (LogKind::Entries, &found.log),
                (LogKind::Traces, &found.traces),
            ] {
                let id = LogId {
                    session: *session,
                    segment: *segment,
                    kind,
                };
                let (there, missing) = log.log_size();
                self.findings.verified(kind, there);
                for (from, to) in missing {
                    let range = EntryRange { from, to };
                    self.findings
                        .problem(Problem::of_log(&id, range, "they cannot be read"));
                }
            }
        }
        sessions.extend(found.metadata.keys());
        self.findings.report.sessions = sessions.len() as u64;
    }

    /// What the journal adds to the tables, or takes away. Its frames were verified as they were
    /// read.
    fn journal(&mut self) -> Outcome<()> {
        let (all, tables) = (
            totals(self.layers)?,
            totals(&self.layers.without_journal())?,
        );
        let report = &mut self.findings.report;
        let with_journal = |verified: u64, all: u64, tables: u64| {
            verified.saturating_add(all).saturating_sub(tables)
        };
        report.sessions = with_journal(report.sessions, all.0, tables.0);
        report.segments = with_journal(report.segments, all.1.segments, tables.1.segments);
        report.entries = with_journal(report.entries, all.1.entries, tables.1.entries);
        report.traces = with_journal(report.traces, all.1.traces, tables.1.traces);
        Ok(())
    }

    fn pages(&mut self) {
        for (table, at) in std::mem::take(&mut self.damaged_pages) {
            let message = format!("the page at byte {at} does not have its checksum");
            self.findings.problem(Problem::new(table.into(), message));
        }
    }
}

/// What is wrong, without the path and the part, which are said elsewhere.
fn words_of(err: StoreError) -> String {
    match err {
        StoreError::Damaged { message, .. } => message,
        err => err.to_string(),
    }
}

/// How many sessions there are, and their sums.
fn totals(layers: &Layers) -> Outcome<(u64, SessionRow)> {
    let (mut sessions, mut totals) = (0, SessionRow::default());
    let mut before = None;
    loop {
        let (page, next) = layers.sessions_before(before, 256)?;
        for (_, row) in page {
            sessions += 1;
            totals.segments += row.segments;
            totals.entries += row.entries;
            totals.traces += row.traces;
        }
        if next.is_none() {
            return Ok((sessions, totals));
        }
        before = next;
    }
}
