//! Import: finds the logs, reads each as its agent's, and brings in what is new.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sessiondb::jsonl::{self, BadLines, FileReport, Found, LastLine, LogFile, Outcome, Unreadable};
use sessiondb::portable::Relocation;
use sessiondb::{Archive, StoreError};
use sessiondb_agents::{Agent, Fold};

use crate::notes::{self, Stamp};
use crate::place;
use crate::refresh::refresh;
use crate::report::{ImportReport, Imported};
use crate::source::{Opened, Source, slashed};
use crate::tree::{self, Kind};
use crate::visit::Visit;

/// How many files are read ahead.
const AHEAD: usize = 4;

/// How far an import is: the bytes of files that are done, of how many, and the file that was done
/// last.
pub type Listener<'l> = &'l mut dyn FnMut(u64, u64, &Path);

/// Brings the logs of agents into an archive. The [crate's page](crate) says how.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::Import;
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f.jsonl");
/// std::fs::write(&log, concat!(
///     r#"{"type":"user","isSidechain":false,"sessionId":"0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f","#,
///     r#""message":{"role":"user","content":"Why is the total off?"}}"#,
/// ))?;
/// let archive = Archive::in_memory()?;
/// let report = Import::new(&archive).run(&[folder.path().to_owned()], None)?;
/// let session = report.files[0].report.session;
/// assert_eq!(session.to_string(), "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f");
/// let summary: serde_json::Value = archive.read_note(&format!("session/{session}/summary"))?.unwrap();
/// assert_eq!(summary["title"], "Why is the total off?");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Import<'a> {
    archive: &'a Archive,
    bad_lines: BadLines,
    last_line: LastLine,
    branch_diverged: bool,
    again: bool,
    relocation: Relocation,
}

impl<'a> Import<'a> {
    /// An import into `archive` that takes fused lines and holes of NULs apart.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            bad_lines: BadLines::Mend,
            last_line: LastLine::ByLayout,
            branch_diverged: true,
            again: false,
            relocation: Relocation::new(),
        }
    }

    /// Says what becomes of bad lines. The default is [`BadLines::Mend`].
    #[must_use]
    pub fn bad_lines(mut self, bad_lines: BadLines) -> Self {
        self.bad_lines = bad_lines;
        self
    }

    /// Says what becomes of a last line without line end that is whole. The default is
    /// [`LastLine::ByLayout`].
    #[must_use]
    pub fn last_line(mut self, last_line: LastLine) -> Self {
        self.last_line = last_line;
        self
    }

    /// Says whether a file that diverged from what is stored becomes a branch, the default, or fails.
    #[must_use]
    pub fn branch_diverged(mut self, branch_diverged: bool) -> Self {
        self.branch_diverged = branch_diverged;
        self
    }

    /// Says whether what was taken away from the archive for good comes in again. The default is
    /// `false`.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    /// Says which folders have another path here: `cwd` in the metadata that is taken over from an
    /// export is rewritten.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.relocation = relocation;
        self
    }

    /// Imports the files among `paths` and, of the folders, all logs below them.
    ///
    /// A file that cannot be imported does not stop the others. All is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// Those of the archive: files that are done stay imported, and running the import again goes on
    /// from there.
    pub fn run(
        &self,
        paths: &[PathBuf],
        listener: Option<Listener<'_>>,
    ) -> Result<ImportReport, StoreError> {
        let (mut found, items) = tree::find(paths);
        let total = items.iter().map(tree::Item::len_bytes).sum();
        let import = self.library_import();
        let mut report = ImportReport::default();
        let done = self.items(&items, total, listener, &import, &mut report);
        // What came in before something failed stays.
        let synced = self.archive.sync();
        done.and(synced)?;
        (report.session_files, report.name_files) = import.beside(&mut found)?;
        let Found {
            passed_over,
            unreadable,
            ..
        } = found;
        report.passed_over.extend(passed_over);
        report
            .passed_over
            .sort_by(|one, other| one.path.cmp(&other.path));
        report.unreadable.extend(unreadable);
        Ok(report)
    }

    fn library_import(&self) -> jsonl::Import<'a> {
        jsonl::Import::new(self.archive)
            .bad_lines(self.bad_lines)
            .last_line(self.last_line)
            .branch_diverged(self.branch_diverged)
            .again(self.again)
            .relocate(self.relocation.clone())
    }

    fn items(
        &self,
        items: &[tree::Item],
        total: u64,
        mut listener: Option<Listener<'_>>,
        import: &jsonl::Import<'_>,
        report: &mut ImportReport,
    ) -> Result<(), StoreError> {
        thread::scope(|scope| {
            let (sender, receiver): (SyncSender<_>, Receiver<_>) = sync_channel(AHEAD);
            // Reading and folding the next ones takes about as long as storing one.
            scope.spawn(move || {
                for item in items {
                    if sender.send((item, self.prepare(item))).is_err() {
                        break;
                    }
                }
            });
            let mut done = 0;
            for (item, prepared) in &receiver {
                match prepared? {
                    Prepared::Skip(imported) => report.files.push(*imported),
                    Prepared::NoLog => report.passed_over.push(item.passed_over()),
                    Prepared::Unreadable(error) => {
                        report
                            .unreadable
                            .push(Unreadable::new(&item.file.path, &error));
                    }
                    Prepared::File(ready) => {
                        report.files.push(self.one(import, item, *ready)?);
                    }
                }
                done += item.len_bytes();
                if let Some(listener) = &mut listener {
                    listener(done, total, &item.file.path);
                }
            }
            Ok(())
        })
    }

    /// Reads a file as far as can be done before it is its turn.
    fn prepare(&self, item: &tree::Item) -> Result<Prepared, StoreError> {
        let found = &item.file;
        if matches!(item.kind, Kind::Log { .. })
            && !self.again
            && let Some(skipped) = self.skipped(item)?
        {
            return Ok(Prepared::Skip(Box::new(skipped)));
        }
        let opened = match &item.kind {
            Kind::Opencode(storage) => storage
                .read()
                .and_then(|document| Source::of_document(&found.path, "opencode", document)),
            Kind::Log { .. } => Source::open(&found.path, &item.absolute, item.is_named),
            Kind::Sidecar(sidecar) => {
                let report = sidecar.import(self.archive, &found.path)?;
                return Ok(Prepared::Skip(Box::new(Imported {
                    report,
                    agent: Some("claude"),
                    was_skipped: false,
                })));
            }
        };
        let source = match opened {
            Ok(Opened::Lines(source)) => *source,
            Ok(Opened::NoLog) => return Ok(Prepared::NoLog),
            Err(error) => return Ok(Prepared::Unreadable(error)),
        };
        let folded = if found.trace {
            Ok(Folded::default())
        } else {
            self.fold(item, &source)?
        };
        match folded {
            Ok(folded) => Ok(Prepared::File(Box::new(Ready { source, folded }))),
            Err(error) => Ok(Prepared::Unreadable(error)),
        }
    }

    /// The report of a file that is the same as when it was read last, and all of which is still
    /// there.
    fn skipped(&self, item: &tree::Item) -> Result<Option<Imported>, StoreError> {
        let now = self.archive.snapshot()?;
        let Some(note) = notes::read_source(&now, &item.absolute)? else {
            return Ok(None);
        };
        let Ok(metadata) = std::fs::metadata(&item.file.path) else {
            return Ok(None);
        };
        let log = now.log(note.session, note.segment);
        if !Stamp::of(&metadata).is_of(&note)
            || item.file.trace
            || !log.exists()?
            || log.len()? < note.stored
        {
            return Ok(None);
        }
        let total = log.len()?;
        let agent = notes::read_log(&now, note.session, note.segment)?
            .and_then(|log| sessiondb_agents::by_name(&log.agent));
        let outcome = Outcome::Unchanged { total };
        let report = FileReport::new(&item.file.path, note.session, note.segment, outcome);
        Ok(Some(Imported {
            report,
            agent: agent.map(Agent::name),
            was_skipped: true,
        }))
    }

    /// Goes on from what is known of a file that was read before; else folds all of it.
    fn fold(&self, item: &tree::Item, source: &Source) -> Result<io::Result<Folded>, StoreError> {
        let Some(agent) = source.agent else {
            return Ok(Ok(Folded::default()));
        };
        let mut anew = Fold::new(agent, &slashed(&item.absolute));
        for header in source.header.iter().chain(item.header()) {
            anew.header(header);
        }
        let now = self.archive.snapshot()?;
        if let Some(known) = notes::read_source(&now, &item.absolute)?
            && let Some(log) = notes::read_log(&now, known.session, known.segment)?
            && let Some(mut fold) = log.fold
            && log.path == slashed(&item.absolute)
            && fold.agent().name() == agent.name()
            && known.stored == known.entries
        {
            for header in source.header.iter().chain(item.header()) {
                fold.header(header);
            }
            return Ok(Ok(Folded {
                fold: Some(fold),
                anew: Some(anew),
                lines: None,
            }));
        }
        let fold = source.fold(anew.clone(), item.file.line_ends_count);
        Ok(fold.map(|(fold, bytes)| Folded {
            lines: Some((fold.entries(), bytes)),
            fold: Some(fold),
            anew: Some(anew),
        }))
    }

    fn one(
        &self,
        import: &jsonl::Import<'_>,
        item: &tree::Item,
        ready: Ready,
    ) -> Result<Imported, StoreError> {
        let Ready { source, folded } = ready;
        let identity = folded.fold.as_ref().map(Fold::identity);
        let place = place::of(
            &self.archive.snapshot()?,
            &item.file,
            identity,
            &source.lines,
        )?;
        let mut file = LogFile::new(&source.path, &source.lines, place.session, place.segment)
            .trace(item.file.trace)
            .line_ends_count(item.file.line_ends_count);
        if source.is_document {
            file = file.timestamp_ms(source.stamp.modified_ns / 1_000_000);
        }
        let path = slashed(&item.absolute);
        let mut visit = Visit {
            archive: self.archive,
            absolute: &item.absolute,
            source: &path,
            stamp: source.stamp.clone(),
            header: source.header.as_ref().or(item.header()).cloned(),
            subagent: place.subagent,
            is_document: source.is_document,
            fold: folded.fold,
            anew: folded.anew,
            begun: false,
            lines: folded.lines,
            number: 0,
            bytes: 0,
            refold: false,
        };
        let report = if item.file.trace {
            import.file(&file, None)?
        } else {
            import.file(&file, Some(&mut visit))?
        };
        if visit.refold {
            refresh(self.archive, report.session, report.segment)?;
        }
        Ok(Imported {
            report,
            agent: source.agent.map(Agent::name),
            was_skipped: false,
        })
    }
}

/// What became of a file before its turn.
enum Prepared {
    Skip(Box<Imported>),
    NoLog,
    Unreadable(io::Error),
    File(Box<Ready>),
}

struct Ready {
    source: Source,
    folded: Folded,
}

#[derive(Default)]
struct Folded {
    /// What is known so far.
    fold: Option<Fold>,
    /// The same before the first entry.
    anew: Option<Fold>,
    /// The lines that were folded before it was their turn, and their bytes.
    lines: Option<(u64, u64)>,
}

/// What an import would report of `paths` if nothing of them can come in; `None` as soon as one file
/// may. It needs no archive, so that none has to be made for nothing.
///
/// ```
/// use sessiondb::jsonl::{BadLines, LastLine};
/// use sessiondb_logs::nothing_to_import;
///
/// # let folder = tempfile::tempdir()?;
/// let missing = folder.path().join("missing.jsonl");
/// let report = nothing_to_import(&[missing], BadLines::Mend, LastLine::ByLayout).expect("nothing");
/// assert_eq!(report.failed(), 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn nothing_to_import(
    paths: &[PathBuf],
    bad_lines: BadLines,
    last_line: LastLine,
) -> Option<ImportReport> {
    let (found, items) = tree::find(paths);
    let mut report = ImportReport::default();
    for item in &items {
        let Kind::Log { .. } = item.kind else {
            return None;
        };
        match Source::open(&item.file.path, &item.absolute, item.is_named) {
            Err(error) => report
                .unreadable
                .push(Unreadable::new(&item.file.path, &error)),
            Ok(Opened::NoLog) => report.passed_over.push(item.passed_over()),
            Ok(Opened::Lines(source)) if source.is_document || source.is_unpacked => return None,
            Ok(Opened::Lines(_)) => {
                let path = std::slice::from_ref(&item.file.path);
                let refused = jsonl::nothing_to_import(path, bad_lines, last_line)?;
                let refused = refused.files.into_iter().map(|report| Imported {
                    report,
                    agent: None,
                    was_skipped: false,
                });
                report.files.extend(refused);
            }
        }
    }
    if found.has_more_than_logs() {
        let beside = jsonl::nothing_beside(&found)?;
        report.session_files = beside;
    }
    report.passed_over.extend(found.passed_over);
    report.unreadable.extend(found.unreadable);
    Some(report)
}
