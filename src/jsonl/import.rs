//! Import: compares each file with what is stored and appends what is new.

use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

use super::choices::{BadLines, LastLine};
use super::comparison::{Comparison, READ_BUFFER_BYTES, Stored};
use super::entry_taker::{EntryTaker, NoTaker};
use super::ids::Place;
use super::log_file::{FileVisitor, LogFile, Nobody};
use super::not_imported::Stop;
use super::one_file::OneFile;
use super::passed_over::PassedOver;
use super::read_ahead::ReadAhead;
use super::report::{FileReport, ImportReport, Outcome};
use super::session_file::{self, SessionFile};
use super::tree::{self, Found, FoundFile};
use super::warnings::Warnings;
use super::workers::{self, NameFile};
use crate::archive::{Archive, Batch, Durability, Log, Redactions, Redactor};
use crate::error::StoreError;
use crate::ids::SegmentId;
use crate::progress::{Meter, Progress};
use crate::relocation::Relocation;

/// Brings JSONL files into an archive. The [module page](crate::jsonl) says how.
///
/// ```
/// use sessiondb::jsonl::{BadLines, Import};
/// use sessiondb::Archive;
///
/// # let folder = tempfile::tempdir()?;
/// # let logs = folder.path();
/// std::fs::write(logs.join("log.jsonl"), "{\"kind\":\"invoke\"}\noops\n{\"kind\":\"turn_end\"}\n")?;
/// let archive = Archive::in_memory()?;
///
/// let strict = Import::new(&archive).run(&[logs.to_owned()], None)?;
/// assert_eq!((strict.failed(), strict.new_entries()), (1, 0));
///
/// let lenient = Import::new(&archive).bad_lines(BadLines::Skip).run(&[logs.to_owned()], None)?;
/// assert_eq!((lenient.failed(), lenient.new_entries()), (0, 2));
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
    redactor: Option<Redactor>,
}

impl<'a> Import<'a> {
    /// An import into `archive` that fails files with bad lines, and makes branches of files that have
    /// diverged.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            bad_lines: BadLines::Fail,
            last_line: LastLine::ByLayout,
            branch_diverged: true,
            again: false,
            relocation: Relocation::new(),
            redactor: None,
        }
    }

    /// Says what becomes of bad lines. The default is [`BadLines::Fail`].
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

    /// Says whether a file that diverged from what is stored goes on as a branch of that segment,
    /// which shares the entries that the two have in common. The branch's id is made from the place
    /// where the file diverged, so that the next import finds it again. The default is `true`;
    /// otherwise such a file fails. Traces share nothing: the whole file becomes the branch's.
    #[must_use]
    pub fn branch_diverged(mut self, branch_diverged: bool) -> Self {
        self.branch_diverged = branch_diverged;
        self
    }

    /// Says whether what was [forgotten](Archive::forget_session) comes in again. The default is
    /// `false`.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    /// Says which folders have another path here: `cwd` in the metadata that is taken over is
    /// rewritten. Entries stay as they are.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.relocation = relocation;
        self
    }

    /// Says what becomes of entries before they come in, and of what an export left beside them. What was redacted is known
    /// again as [`Log::redact`] says; what is stored already stays as it is.
    #[must_use]
    pub fn redact(mut self, redactor: Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// Imports the files among `paths` and, of the folders, all logs below them, sorted. Links to
    /// folders are not followed.
    ///
    /// A file that cannot be imported, or a path that cannot be read, does not stop the others: the
    /// report says so, and names what it has passed over. A log to which another import adds the same
    /// at the same time is compared with it again. What is new
    /// in a file is dated with the file's time of modification. Metadata and names that an export
    /// left beside the logs come last.
    ///
    /// # Errors
    ///
    /// Those of the archive, such as [`StoreError::Busy`]: files that are done stay imported, and running the import again goes
    /// on from there.
    pub fn run(
        &self,
        paths: &[PathBuf],
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<ImportReport, StoreError> {
        let mut found = tree::find(paths);
        let mut meter = Meter::new(progress, READ_BUFFER_BYTES as u64);
        meter.expect(found.logs.iter().map(|file| file.len_bytes).sum());
        meter.tell(None);
        let mut files = Vec::with_capacity(found.logs.len());
        for file in &found.logs {
            let report = self.found_file(file, &mut meter);
            // One sync for all: what came in before something failed stays.
            let report = report.or_else(|error| self.archive.sync().and(Err(error)))?;
            meter.tell(Some(&report.path));
            files.push(report);
        }
        self.archive.sync()?;
        let (session_files, name_files) = self.beside(&mut found)?;
        Ok(ImportReport {
            files,
            session_files,
            name_files,
            passed_over: found.passed_over,
            unreadable: found.unreadable,
        })
    }

    /// Takes over what was [found](super::find) beside the logs, which have come in before: what an
    /// export left of sessions, and the records of workers' names. What is neither is passed over.
    ///
    /// # Errors
    ///
    /// Those of the archive.
    pub fn beside(
        &self,
        found: &mut Found,
    ) -> Result<(Vec<SessionFile>, Vec<NameFile>), StoreError> {
        let mut session_files = Vec::new();
        for (path, session) in std::mem::take(&mut found.sessions) {
            match session_file::import(
                self.archive,
                &path,
                session,
                &self.relocation,
                self.redactor.as_ref(),
            )? {
                Some(file) => session_files.push(file),
                None => found.passed_over.push(PassedOver::session_file(path)),
            }
        }
        let names = found.records.iter();
        let name_files =
            names.map(|path| workers::import(self.archive, path, self.redactor.as_ref()));
        Ok((session_files, name_files.collect::<Result<_, _>>()?))
    }

    /// Imports one file into the log where it belongs. [`LogFile`] has an example. What comes in is
    /// [`Written`](Durability::Written); [`Archive::sync`] behind the last file puts it on the disk.
    ///
    /// # Errors
    ///
    /// Those of the archive, and of the visitor.
    pub fn file(
        &self,
        file: &LogFile<'_>,
        visitor: Option<&mut dyn FileVisitor>,
    ) -> Result<FileReport, StoreError> {
        let mut meter = Meter::new(None, u64::MAX);
        let mut nobody = Nobody;
        let visitor = visitor.unwrap_or(&mut nobody);
        self.log_file(file, visitor, (&mut meter, 0..0), None, None)
    }

    /// Reads a file before it is its turn, and shows each entry to `look`. Neither the archive nor the place
    /// that `file` names is looked at, so both may be others by the time that
    /// [`file_into`](Self::file_into) takes what was read. [`ReadAhead`] has an example.
    pub fn read_ahead(&self, file: &LogFile<'_>, look: &mut dyn EntryTaker) -> ReadAhead {
        let mut warnings = Warnings::default();
        let comparison = Comparison {
            file: file.file,
            path: file.path,
            place: file.place(),
            bad_lines: self.bad_lines,
            drops_last_line: self.last_line.drops(file.line_ends_count),
            cut_off: Vec::new(),
            redactions: Redactions::default(),
            redactor: self.redactor.as_ref(),
            progress: 0..0,
        };
        let mut meter = Meter::new(None, u64::MAX);
        let found = comparison.run(&mut Stored::nothing(), &mut warnings, &mut meter, look);
        ReadAhead { found, warnings }
    }

    /// As [`file`](Self::file), for many small files: what one of them adds goes into `batch`, with what
    /// the visitor adds, and nothing of it is stored before that is committed. Returns the batch, and
    /// whether the file added to it; a large one does not.
    ///
    /// With what was [read ahead](Self::read_ahead) of the file it is not read again if nothing of the log is
    /// stored. The visitor is not shown the entries then, but [told](FileVisitor::was_read_ahead) so.
    ///
    /// A batch takes one file of a session, since those that follow do not see what is not committed
    /// yet. If it fails, as when somebody else writes to one of its logs, its files are imported again.
    ///
    /// # Errors
    ///
    /// Those of the archive, and of the visitor.
    pub fn file_into(
        &self,
        file: &LogFile<'_>,
        ahead: Option<ReadAhead>,
        visitor: Option<&mut dyn FileVisitor>,
        batch: Batch,
    ) -> Result<(FileReport, Batch, bool), StoreError> {
        let mut meter = Meter::new(None, u64::MAX);
        let mut nobody = Nobody;
        let visitor = visitor.unwrap_or(&mut nobody);
        let mut shared = (batch, false);
        let report = self.log_file(file, visitor, (&mut meter, 0..0), ahead, Some(&mut shared))?;
        Ok((report, shared.0, shared.1))
    }

    fn found_file(
        &self,
        found: &FoundFile,
        meter: &mut Meter<'_>,
    ) -> Result<FileReport, StoreError> {
        let begun = meter.done();
        let progress = begun..begun.saturating_add(found.len_bytes);
        let (path, place) = (&*found.path, found.place());
        let report = match File::open(path) {
            Ok(file) => {
                let file = LogFile::new(path, &file, place.session, place.segment)
                    .trace(place.trace)
                    .line_ends_count(found.line_ends_count);
                self.log_file(&file, &mut Nobody, (meter, progress.clone()), None, None)?
            }
            Err(error) => {
                let failed = Outcome::Failed(format!("{}: {error}", path.display()));
                FileReport::of(path, place, failed)
            }
        };
        meter.reach(progress.end);
        Ok(report)
    }

    fn log_file(
        &self,
        file: &LogFile<'_>,
        visitor: &mut dyn FileVisitor,
        (meter, progress): (&mut Meter<'_>, Range<u64>),
        mut ahead: Option<ReadAhead>,
        mut shared: Option<&mut (Batch, bool)>,
    ) -> Result<FileReport, StoreError> {
        if self.again {
            self.archive.allow_again(file.session)?;
        }
        let mut report = FileReport::of(file.path, file.place(), Outcome::Unchanged { total: 0 });
        // What was appended before another writer was found to be at work.
        let mut before = 0_u64;
        loop {
            let mut warnings = Warnings::default();
            let place = Place {
                segment: report.segment,
                ..file.place()
            };
            visitor.begin();
            let mut one = OneFile {
                archive: self.archive,
                log: self.log(place),
                file,
                place,
                bad_lines: self.bad_lines,
                redactor: self.redactor.as_ref(),
                drops_last_line: self.last_line.drops(file.line_ends_count),
                warnings: &mut warnings,
                visitor: &mut *visitor,
                ahead: ahead.take(),
                shared: shared.as_deref_mut(),
            };
            report.outcome = match one.run(meter, &progress) {
                Ok((outcome, forgotten)) => {
                    report.forgotten = forgotten;
                    outcome.after(before)
                }
                // It may have appended the same, which comparing again tells.
                Err(Stop::Overtaken { appended }) => {
                    before = before.saturating_add(appended);
                    continue;
                }
                Err(Stop::Diverged { index, segment, .. }) if self.branch_diverged => {
                    self.branch(place, index, segment)?;
                    report.branch_of.get_or_insert(place.segment);
                    report.segment = segment;
                    continue;
                }
                Err(Stop::Forgotten { entries }) => {
                    report.forgotten = entries;
                    Outcome::Forgotten { entries }
                }
                Err(Stop::Diverged { message, .. } | Stop::File(message)) => {
                    Outcome::Failed(message)
                }
                Err(Stop::Archive(error)) => return Err(error),
            };
            report.warnings = warnings.finish();
            return Ok(report);
        }
    }

    /// Makes the branch that a file goes on in, unless it is there.
    fn branch(&self, place: Place, index: u64, branch: SegmentId) -> Result<(), StoreError> {
        if place.trace || index == 0 || self.archive.log(place.session, branch).exists()? {
            return Ok(());
        }
        let log = self.archive.log(place.session, place.segment);
        match log
            .with_durability(Durability::Written)
            .branch(index, branch)
        {
            // Somebody else made it, or cut the log off; the next comparison tells.
            Err(StoreError::SegmentExists { .. } | StoreError::BranchPastEnd { .. }) => Ok(()),
            made => made.map(drop),
        }
    }

    fn log(&self, place: Place) -> Log {
        let log = if place.trace {
            self.archive.trace(place.session, place.segment)
        } else {
            self.archive.log(place.session, place.segment)
        };
        log.with_durability(Durability::Written)
    }
}

/// What an import would report of `paths` if nothing of them can come in; `None` as soon as one
/// file can. It needs no archive, so that none has to be made for nothing.
///
/// ```
/// use sessiondb::jsonl::{BadLines, LastLine, nothing_to_import};
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("log.jsonl");
/// std::fs::write(&log, "no JSON\n")?;
/// let report = nothing_to_import(&[log.clone()], BadLines::Fail, LastLine::ByLayout).expect("no log");
/// assert_eq!(report.failed(), 1);
/// std::fs::write(&log, "{}\n")?;
/// assert_eq!(nothing_to_import(&[log], BadLines::Fail, LastLine::ByLayout), None);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn nothing_to_import(
    paths: &[PathBuf],
    bad_lines: BadLines,
    last_line: LastLine,
) -> Option<ImportReport> {
    let found = tree::find(paths);
    let mut files = Vec::with_capacity(found.logs.len());
    for file in &found.logs {
        let message = refusal(file, bad_lines, last_line)?;
        let failed = Outcome::Failed(message);
        files.push(FileReport::of(&file.path, file.place(), failed));
    }
    let session_files = nothing_beside(&found)?;
    Some(ImportReport {
        files,
        session_files,
        name_files: Vec::new(),
        passed_over: found.passed_over,
        unreadable: found.unreadable,
    })
}

/// What an import would report of what an export left beside logs, if nothing of it can come in
/// without them; else `None`.
pub fn nothing_beside(found: &Found) -> Option<Vec<SessionFile>> {
    // A name is taken over without a log, and so is metadata.
    let mut session_files = found.sessions.iter();
    if !found.records.is_empty()
        || session_files.any(|(path, session)| session_file::has_metadata(path, *session))
    {
        return None;
    }
    let sessions = found.sessions.iter();
    let reports =
        sessions.filter_map(|(path, session)| session_file::without_session(path, *session));
    Some(reports.collect())
}

impl LastLine {
    fn drops(self, line_ends_count: bool) -> bool {
        match self {
            Self::ByLayout => line_ends_count,
            Self::Take => false,
            Self::Drop => true,
        }
    }
}

/// Why nothing of the file can come into an archive that holds nothing of it.
fn refusal(found: &FoundFile, bad_lines: BadLines, last_line: LastLine) -> Option<String> {
    let path = &found.path;
    let compare = || {
        let file = File::open(path).map_err(|error| Stop::file(path, &error))?;
        let comparison = Comparison {
            file: &file,
            path,
            place: found.place(),
            bad_lines,
            drops_last_line: last_line.drops(found.line_ends_count),
            cut_off: Vec::new(),
            redactions: Redactions::default(),
            redactor: None,
            progress: 0..0,
        };
        comparison.run(
            &mut Stored::nothing(),
            &mut Warnings::default(),
            &mut Meter::new(None, 0),
            &mut NoTaker,
        )
    };
    match compare() {
        Err(Stop::File(message)) => Some(message),
        _ => None,
    }
}

impl Outcome {
    /// The outcome of an import that had appended `before` entries of the file already.
    fn after(self, before: u64) -> Self {
        match self {
            Self::Imported { new, total } => Self::Imported {
                new: new.saturating_add(before),
                total,
            },
            Self::Unchanged { total } if before > 0 => Self::Imported { new: before, total },
            other => other,
        }
    }
}
