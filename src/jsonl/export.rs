//! Export: writes the logs of an archive as a tree of JSONL files.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::thread;

use serde::Serialize;

use super::bad_line::{line_of, may_be_marker};
use super::existing::{Existing, compare};
use super::not_exported::{Stop, in_part};
use super::path_text::serialize_path;
use super::permissions::Permissions;
use super::session_file::{self, SessionFile, SessionFileOutcome};
use super::unfinished::{Finisher, Unfinished};
use crate::archive::{Archive, EntryReader, Log};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};
use crate::progress::{Meter, Progress};
use crate::relocation::Relocation;

/// How much is written at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Writes sessions of an archive as `{folder}/{session}/{segment}.jsonl` and
/// `{segment}.trace.jsonl`, one entry per line.
///
/// A line that [`BadLines::Keep`](super::BadLines::Keep) stored is written as it was. Metadata, and
/// the names that point to a session, go into a `session.json` beside its logs.
///
/// ```
/// use sessiondb::jsonl::Export;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.log(session, segment).append(&serde_json::json!({"kind":"invoke"}))?;
///
/// let folder = tempfile::tempdir()?;
/// let report = Export::new(&archive).run(folder.path(), None)?;
/// assert_eq!(report.failed(), 0);
/// let file = folder.path().join(format!("{session}/{segment}.jsonl"));
/// assert_eq!(std::fs::read_to_string(file)?, "{\"kind\":\"invoke\"}\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Export<'a> {
    archive: &'a Archive,
    sessions: Vec<SessionId>,
    trashed: bool,
    logs: bool,
    force: bool,
    mode: Option<u32>,
    relocation: Relocation,
}

impl<'a> Export<'a> {
    /// An export of all of `archive` that replaces no file with other content.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            sessions: Vec::new(),
            trashed: false,
            logs: true,
            force: false,
            mode: None,
            relocation: Relocation::new(),
        }
    }

    /// Says which sessions to export. The default, an empty list, stands for all that are not in the
    /// trash.
    #[must_use]
    pub fn sessions(mut self, sessions: Vec<SessionId>) -> Self {
        self.sessions = sessions;
        self
    }

    /// Says whether sessions in the [trash](Archive::trash_session) are exported too where none are named. The
    /// default is `false`.
    #[must_use]
    pub fn trashed(mut self, trashed: bool) -> Self {
        self.trashed = trashed;
        self
    }

    /// Says whether to write the logs, beside what a `session.json` says of each session. The default
    /// is `true`.
    #[must_use]
    pub fn logs(mut self, logs: bool) -> Self {
        self.logs = logs;
        self
    }

    /// Says whether to replace files that hold something else. The default is `false`: such a
    /// file fails.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Says which permission bits new files get, such as `0o644`; new folders may be looked into by
    /// whoever may read the files. It says nothing elsewhere than on Unix. By default files are as
    /// private as the archive: its bits, less what the process's mask takes off.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode & 0o777);
        self
    }

    /// Says which folders have another path where the export goes: `cwd` in the metadata that is
    /// written is rewritten. Entries stay as they are.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.relocation = relocation;
        self
    }

    /// Writes the files into `folder`, which is created if need be.
    ///
    /// A file that holds the same already is left alone, and one that holds the beginning of it
    /// is replaced. Each file is written under a temporary name beside it, synced and renamed, so
    /// that it is never there in part. A file that cannot be written does not stop the others:
    /// its report says so, and so it is with a session of which the archive is damaged. Each file is one state of its log, even when others write to it.
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`] if a session that was asked for does not exist,
    /// [`StoreError::Io`] if `folder` cannot be created: nothing is exported then. Those of the
    /// archive, except what concerns one log alone, such as [`StoreError::Damaged`].
    pub fn run(
        &self,
        folder: &Path,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<ExportReport, StoreError> {
        let (ids, in_trash) = self.ids()?;
        let mut unreadable = Vec::new();
        let logs = if self.logs {
            self.find(&ids, &mut unreadable)?
        } else {
            Vec::new()
        };
        let permissions = self.permissions();
        permissions.create_folder(folder)?;
        let mut meter = Meter::new(progress, u64::MAX);
        meter.expect(logs.iter().map(|log| log.len_bytes).sum());
        meter.tell(None);
        let files = thread::scope(|scope| {
            self.export_files(logs, folder, &Finisher::begin(scope), &mut meter)
        })?;
        let session_files = session_file::ToExport {
            archive: self.archive,
            sessions: &ids,
            folder,
            force: self.force,
            permissions,
            relocation: &self.relocation,
        };
        let session_files = session_files.write(&mut unreadable)?;
        Ok(ExportReport {
            files,
            session_files,
            unreadable,
            in_trash,
        })
    }

    fn permissions(&self) -> Permissions {
        match self.mode {
            Some(mode) => Permissions::exactly(mode),
            None => Permissions::of(self.archive.path()),
        }
    }

    /// While one file is on its way to the disk the next one is written.
    fn export_files(
        &self,
        logs: Vec<FoundLog>,
        folder: &Path,
        finisher: &Finisher,
        meter: &mut Meter<'_>,
    ) -> Result<Vec<ExportedFile>, StoreError> {
        let mut files = Vec::with_capacity(logs.len());
        let mut done = |mut file: ExportedFile, len_bytes, result: io::Result<()>| {
            if let Err(error) = result {
                file.outcome = ExportOutcome::Failed(format!("{}: {error}", file.path.display()));
            }
            meter.add(len_bytes);
            meter.tell(Some(&file.path));
            files.push(file);
        };
        let mut started = None;
        for FoundLog { log, len_bytes } in logs {
            let path = path_of(folder, &log);
            let (outcome, unfinished) = match self.write_file(&log, &path) {
                Ok(written) => written,
                Err(Stop::File(message)) => (ExportOutcome::Failed(message), None),
                Err(Stop::Archive(error)) => return Err(error),
            };
            let file = ExportedFile {
                path,
                session: log.session_id(),
                segment: log.segment_id(),
                trace: log.is_trace(),
                outcome,
            };
            if let Some((before, len_bytes)) = started.take() {
                done(before, len_bytes, finisher.wait());
            }
            match unfinished.map(|unfinished| finisher.start(unfinished)) {
                Some(None) => started = Some((file, len_bytes)),
                Some(Some(result)) => done(file, len_bytes, result),
                None => done(file, len_bytes, Ok(())),
            }
        }
        if let Some((last, len_bytes)) = started {
            done(last, len_bytes, finisher.wait());
        }
        Ok(files)
    }

    /// The sessions to export, and how many are left out since they are in the trash.
    fn ids(&self) -> Result<(Vec<SessionId>, usize), StoreError> {
        if self.sessions.is_empty() {
            let mut all = self.archive.sessions()?.collect::<Result<Vec<_>, _>>()?;
            let count = all.len();
            all.retain(|session| self.trashed || session.trashed_ms.is_none());
            let in_trash = count - all.len();
            return Ok((all.iter().map(|session| session.id).collect(), in_trash));
        }
        for &session in &self.sessions {
            if self.archive.session(session)?.is_none() {
                return Err(StoreError::SessionNotFound(session));
            }
        }
        Ok((self.sessions.clone(), 0))
    }

    /// Finds all logs of the sessions that can be read.
    fn find(
        &self,
        sessions: &[SessionId],
        unreadable: &mut Vec<String>,
    ) -> Result<Vec<FoundLog>, StoreError> {
        let mut found = Vec::new();
        for session in sessions {
            if let Err(error) = self.find_in(*session, &mut found) {
                unreadable.push(in_part(error, &format_args!("session {session}"))?);
            }
        }
        Ok(found)
    }

    fn find_in(&self, session: SessionId, found: &mut Vec<FoundLog>) -> Result<(), StoreError> {
        for segment in self.archive.segments(session)? {
            let segment = segment?;
            if segment.exists {
                found.push(FoundLog {
                    log: self.archive.log(session, segment.id),
                    len_bytes: segment.entry_bytes.saturating_add(segment.entries),
                });
            }
            if segment.traces > 0 {
                found.push(FoundLog {
                    log: self.archive.trace(session, segment.id),
                    len_bytes: segment.trace_bytes.saturating_add(segment.traces),
                });
            }
        }
        Ok(())
    }

    /// Writes the file, unless it is there, and leaves it unfinished.
    fn write_file(
        &self,
        log: &Log,
        path: &Path,
    ) -> Result<(ExportOutcome, Option<Unfinished>), Stop> {
        match compare(log, path)? {
            Existing::Same { entries } => return Ok((ExportOutcome::Unchanged { entries }, None)),
            Existing::Other { byte_offset } if !self.force => {
                return Err(Stop::File(format!(
                    "{}: holds something else from byte offset {byte_offset} on than segment {} \
                     of session {}; it was left as it is; `--force` replaces it",
                    path.display(),
                    log.segment_id(),
                    log.session_id(),
                )));
            }
            Existing::Missing | Existing::Beginning | Existing::Other { .. } => {}
        }
        if let Some(folder) = path.parent() {
            let folder = self.permissions().create_folder(folder);
            folder.map_err(|error| Stop::File(error.to_string()))?;
        }
        let unfinished =
            Unfinished::create(path, self.permissions()).map_err(|error| Stop::io(path, &error))?;
        let (entries, bytes) = write_lines(log, &unfinished, path)?;
        let outcome = ExportOutcome::Written { entries, bytes };
        Ok((outcome, Some(unfinished)))
    }
}

struct FoundLog {
    log: Log,
    len_bytes: u64,
}

/// Writes all entries and returns how many there were, and how many bytes.
fn write_lines(log: &Log, unfinished: &Unfinished, path: &Path) -> Result<(u64, u64), Stop> {
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, unfinished.file());
    let (mut entries, mut bytes) = (0_u64, 0_u64);
    let failed = |error| Stop::log(path, error);
    let mut stored = log.read_existing(..).map_err(failed)?;
    while let Some(reader) = stored.next_reader() {
        let mut put = |part: &[u8]| {
            bytes = bytes.saturating_add(part.len() as u64);
            writer
                .write_all(part)
                .map_err(|error| Stop::io(path, &error))
        };
        let reader = reader.map_err(failed)?;
        match reader.whole() {
            Some(entry) => put(&line_of(entry))?,
            None => put_pieces(reader, failed, &mut put)?,
        }
        put(b"\n")?;
        entries = entries.saturating_add(1);
    }
    writer.flush().map_err(|error| Stop::io(path, &error))?;
    Ok((entries, bytes))
}

/// Writes the line of an entry that is not in memory, unless it stands for another line.
fn put_pieces(
    mut reader: EntryReader,
    failed: impl Fn(StoreError) -> Stop,
    put: &mut impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut next = || reader.next_piece().map_err(&failed);
    let mut piece = next()?.unwrap_or_default();
    if may_be_marker(&piece) {
        while let Some(more) = next()? {
            piece.extend_from_slice(&more);
        }
        return put(&line_of(&piece));
    }
    put(&piece)?;
    while let Some(piece) = next()? {
        put(&piece)?;
    }
    Ok(())
}

fn path_of(folder: &Path, log: &Log) -> PathBuf {
    let suffix = if log.is_trace() {
        "trace.jsonl"
    } else {
        "jsonl"
    };
    folder
        .join(log.session_id().to_string())
        .join(format!("{}.{suffix}", log.segment_id()))
}

/// What an export did, file by file.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb::jsonl::Export;
///
/// # let folder = tempfile::tempdir()?;
/// let report = Export::new(&Archive::in_memory()?).run(folder.path(), None)?;
/// assert_eq!((report.files.len(), report.failed(), report.written()), (0, 0, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportReport {
    /// One report per file, in the order in which they were exported: sessions and their segments
    /// by descending id.
    pub files: Vec<ExportedFile>,
    /// One report per `session.json`: of the sessions that have metadata, or a name that points
    /// to them.
    pub session_files: Vec<SessionFile>,
    /// What could not be read of the archive, so that it is not known which files it would become:
    /// one message each.
    pub unreadable: Vec<String>,
    /// How many sessions were left out since they are in the trash.
    pub in_trash: usize,
}

impl ExportReport {
    /// The number of files that failed, with what could not be read.
    pub fn failed(&self) -> usize {
        self.count(|outcome| matches!(outcome, ExportOutcome::Failed(_)))
            + session_file::failed(&self.session_files)
            + self.unreadable.len()
    }

    /// The number of files that were written.
    pub fn written(&self) -> usize {
        let changed = |file: &&SessionFile| file.outcome == SessionFileOutcome::Changed;
        self.count(|outcome| matches!(outcome, ExportOutcome::Written { .. }))
            + self.session_files.iter().filter(changed).count()
    }

    fn count(&self, is: impl Fn(&ExportOutcome) -> bool) -> usize {
        self.files.iter().filter(|file| is(&file.outcome)).count()
    }
}

/// What became of one log.
///
/// ```
/// use sessiondb::jsonl::{Export, ExportOutcome};
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// archive.log(new_session_id(), new_segment_id()).append(&serde_json::json!({}))?;
/// let folder = tempfile::tempdir()?;
/// let report = Export::new(&archive).run(folder.path(), None)?;
/// assert_eq!(report.files[0].outcome, ExportOutcome::Written { entries: 1, bytes: 3 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExportedFile {
    /// The file.
    #[serde(serialize_with = "serialize_path")]
    pub path: PathBuf,
    /// The session that it holds a log of.
    pub session: SessionId,
    /// The segment.
    pub segment: SegmentId,
    /// Whether it holds traces.
    pub trace: bool,
    /// What was done.
    pub outcome: ExportOutcome,
}

/// What was done with an exported file.
///
/// ```
/// use sessiondb::jsonl::ExportOutcome;
///
/// let json = serde_json::to_string(&ExportOutcome::Unchanged { entries: 7 })?;
/// assert_eq!(json, r#"{"unchanged":{"entries":7}}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportOutcome {
    /// The file was written.
    Written {
        /// The number of entries in it.
        entries: u64,
        /// Its length.
        bytes: u64,
    },
    /// The file was there already.
    Unchanged {
        /// The number of entries in it.
        entries: u64,
    },
    /// The file was not written. The message names it and says what helps.
    Failed(String),
}
