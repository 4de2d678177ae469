//! New archives with the content of another, or with some of its sessions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::copy::Copy;
use crate::archive::{Archive, MARKS_IN_USE, SessionInfo, SessionMarks, Snapshot};
use crate::engine::{
    self, Creation, DEFAULT_JOURNAL_BYTES, EngineOptions, Layers, MIN_JOURNAL_BYTES, NOTE_MARK, Op,
    Superblock, compact_new, create_filled,
};
use crate::error::StoreError;
use crate::ids::SessionId;
use crate::progress::{Meter, Progress};

/// So many bytes are written as one change: more than the journal takes, so that they go straight
/// into the tables.
const CHANGE_BYTES: usize = 8 << 20;
/// The progress is told whenever so many more bytes are done.
pub(super) const TELL_BYTES: u64 = 256 << 10;

/// What a new archive was given.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// archive.log(new_session_id(), new_segment_id()).append(&1)?;
/// let report = archive.backup(dir.path().join("copy.sessiondb"), None)?;
/// assert_eq!((report.sessions, report.entries, report.traces), (1, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CopyReport {
    /// Sessions.
    pub sessions: u64,
    /// Segments that have a log.
    pub segments: u64,
    /// The entries of these segments.
    pub entries: u64,
    /// The bytes of these entries.
    pub entry_bytes: u64,
    /// Traces.
    pub traces: u64,
    /// The bytes of these traces.
    pub trace_bytes: u64,
    /// Names.
    pub names: u64,
    /// The length of the new file, in bytes.
    pub file_bytes: u64,
}

impl Archive {
    /// Writes all of the archive, as it is at this moment, into a new one at `out`, while others
    /// may go on writing. `out` appears when it is whole. Ids, times, metadata, names and origins
    /// are kept; the new archive has an id of its own.
    ///
    /// Memory does not grow with the archive. While it runs, the space of what is replaced
    /// meanwhile is not used again. Entries that segments share are written once. A backup is
    /// packed as quickly as the archive itself; [`compact`](Self::compact) makes it smaller. The progress
    /// is in bytes of entries and traces.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let (path, copy) = (dir.path().join("agent.sessiondb"), dir.path().join("copy.sessiondb"));
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::open(&path)?;
    /// let (session, segment) = (new_session_id(), new_segment_id());
    /// archive.log(session, segment).append(&1)?;
    /// archive.backup(&copy, None)?;
    /// assert_eq!(Archive::open(&copy)?.log(session, segment).len()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if `out` is there already, or the operating system refuses;
    /// [`StoreError::Damaged`]. Then there is nothing at `out`.
    pub fn backup(
        &self,
        out: impl AsRef<Path>,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<CopyReport, StoreError> {
        let source = self.snapshot()?;
        let sessions = source.sessions().collect::<Result<Vec<_>, _>>()?;
        let names = source.view().read(Layers::names)?;
        Content::new(source, sessions, names).write(out.as_ref(), Form::Backup, progress)
    }

    /// Writes some sessions, as they are at this moment, into a new archive at `out`, with the
    /// names that point to them. Otherwise as [`backup`](Self::backup); the new archive has the
    /// smallest journal that there is (16 KiB) and is packed as by [`compact`](Self::compact), so
    /// that it is small enough to send. The progress counts each byte twice, since it is packed
    /// when all is there.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let out = dir.path().join("one.sessiondb");
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::in_memory()?;
    /// let (one, other) = (new_session_id(), new_session_id());
    /// archive.log(one, new_segment_id()).append(&1)?;
    /// archive.log(other, new_segment_id()).append(&2)?;
    /// let report = archive.extract(&out, &[one], None)?;
    /// assert_eq!(report.sessions, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`StoreError::SessionNotFound`] if one of the sessions is not there, and those of
    /// [`backup`](Self::backup).
    pub fn extract(
        &self,
        out: impl AsRef<Path>,
        sessions: &[SessionId],
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<CopyReport, StoreError> {
        let source = self.snapshot()?;
        let mut found = Vec::with_capacity(sessions.len());
        for session in sessions {
            let info = source.session(*session)?;
            found.push(info.ok_or(StoreError::SessionNotFound(*session))?);
        }
        let mut records = source.name_records()?;
        records.retain(|record| record.session().is_some_and(|id| sessions.contains(&id)));
        let mut names: Vec<_> = records.into_iter().map(|record| record.name).collect();
        for session in sessions {
            names.extend(source.stored_notes(*session)?);
        }
        if found
            .iter()
            .any(|session| session.marks() != SessionMarks::default())
        {
            names.push(format!("{NOTE_MARK}{MARKS_IN_USE}"));
        }
        Content::new(source, found, names).write(out.as_ref(), Form::Extract, progress)
    }
}

/// What goes into a new archive.
struct Content {
    source: Snapshot,
    sessions: Vec<SessionInfo>,
    names: Vec<String>,
}

impl Content {
    fn new(source: Snapshot, mut sessions: Vec<SessionInfo>, names: Vec<String>) -> Self {
        // Rows in the order of their keys fill the tables best.
        sessions.sort_by_key(|session| session.id);
        sessions.dedup_by_key(|session| session.id);
        Self {
            source,
            sessions,
            names,
        }
    }

    fn write(
        &self,
        out: &Path,
        form: Form,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<CopyReport, StoreError> {
        if std::fs::symlink_metadata(out).is_ok() {
            let reason = format!(
                "{}: there is a file already; give a path where nothing is",
                out.display()
            );
            return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason).into());
        }
        let mut report = self.report();
        let bytes = report.entry_bytes + report.trace_bytes;
        let mut meter = Meter::new(progress, TELL_BYTES);
        meter.expect(bytes * form.passes());
        create_filled(out, &Superblock::new(form.journal_bytes()), |path| {
            self.fill(path, &mut meter)?;
            match form {
                Form::Backup => Ok(()),
                Form::Extract => compact_new(path, options(), &mut |done, total| {
                    let share = u128::from(bytes) * u128::from(done) / u128::from(total.max(1));
                    meter.reach(bytes + u64::try_from(share).unwrap_or(bytes));
                }),
            }
        })?;
        meter.finish();
        report.file_bytes = std::fs::metadata(out)?.len();
        Ok(report)
    }

    fn fill(&self, path: &Path, meter: &mut Meter<'_>) -> Result<(), StoreError> {
        let engine = engine::open(path, Creation::Never, options())?;
        let mut write = |ops: Vec<Op>| engine.write(false, ops).map(drop);
        let mut tell = |bytes| meter.add(bytes);
        let mut copy = Copy::new(&self.source, CHANGE_BYTES, &mut write, &mut tell);
        for session in &self.sessions {
            copy.session(session)?;
        }
        for name in &self.names {
            if let Some(json) = self.source.view().read(|layers| layers.name(name))? {
                let (name, bytes) = (name.clone(), json.len());
                copy.push(Op::SetName { name, json }, bytes)?;
            }
        }
        copy.finish()?;
        engine.checkpoint()?;
        Arc::into_inner(engine).map_or(Ok(()), |engine| engine.close().map(drop))
    }

    fn report(&self) -> CopyReport {
        let sum = |of: fn(&SessionInfo) -> u64| self.sessions.iter().map(of).sum();
        CopyReport {
            sessions: self.sessions.len() as u64,
            segments: sum(|session| session.segments),
            entries: sum(|session| session.entries),
            entry_bytes: sum(|session| session.entry_bytes),
            traces: sum(|session| session.traces),
            trace_bytes: sum(|session| session.trace_bytes),
            names: self.names.len() as u64,
            file_bytes: 0,
        }
    }
}

/// How a new archive is written.
#[derive(Clone, Copy)]
enum Form {
    /// To be used like the one that it is made of.
    Backup,
    /// As small as can be.
    Extract,
}

impl Form {
    fn journal_bytes(self) -> u64 {
        match self {
            Self::Backup => DEFAULT_JOURNAL_BYTES,
            Self::Extract => MIN_JOURNAL_BYTES,
        }
    }

    /// How often each byte is written.
    fn passes(self) -> u64 {
        match self {
            Self::Backup => 1,
            Self::Extract => 2,
        }
    }
}

/// How an archive is opened that nobody else knows yet.
fn options() -> EngineOptions {
    EngineOptions {
        read_only: false,
        shared: false,
        cache_bytes: 32 << 20,
        lock_timeout: Duration::from_secs(5),
        sync_interval: Duration::from_secs(3600),
        background: true,
    }
}
