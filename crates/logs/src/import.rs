//! Import: finds the logs, reads each as its agent's, and brings in what is new.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use sessiondb::archive::Redactor;
use sessiondb::jsonl::{self, BadLines, LastLine, Outcome, ReadAhead, Unreadable};
use sessiondb::portable::Relocation;
use sessiondb::{Archive, Durability, StoreError};

use crate::database::DatabaseNote;
use crate::group::Group;
use crate::notes;
use crate::prepare::{Prepared, Reader};
use crate::report::{ImportReport, Imported};
use crate::source::{Opened, Source};
use crate::tree::{self, Item, Kind};

/// How much of the files that were read ahead is handed on at a time: so many of them, or so many bytes.
const FILES_AT_A_TIME: usize = 16;
const BYTES_AT_A_TIME: u64 = 1 << 20;

/// How often that much may wait for its turn.
const WAITING: usize = 8;

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
    /// Brings each file to the place that is found for it.
    library: jsonl::Import<'a>,
    again: bool,
    redactor: Option<Redactor>,
}

impl<'a> Import<'a> {
    /// An import into `archive` that takes fused lines and holes of NULs apart.
    pub fn new(archive: &'a Archive) -> Self {
        Self {
            archive,
            library: jsonl::Import::new(archive).bad_lines(BadLines::Mend),
            again: false,
            redactor: None,
        }
    }

    /// Says what becomes of bad lines. The default is [`BadLines::Mend`].
    #[must_use]
    pub fn bad_lines(mut self, bad_lines: BadLines) -> Self {
        self.library = self.library.bad_lines(bad_lines);
        self
    }

    /// Says what becomes of a last line without line end that is whole. The default is
    /// [`LastLine::ByLayout`].
    #[must_use]
    pub fn last_line(mut self, last_line: LastLine) -> Self {
        self.library = self.library.last_line(last_line);
        self
    }

    /// Says whether a file that diverged from what is stored becomes a branch, the default, or fails.
    #[must_use]
    pub fn branch_diverged(mut self, branch_diverged: bool) -> Self {
        self.library = self.library.branch_diverged(branch_diverged);
        self
    }

    /// Says whether what was taken away from the archive for good comes in again. The default is
    /// `false`.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.library = self.library.again(again);
        self.again = again;
        self
    }

    /// Says what becomes of entries before they come in, and of what belongs to a session beside them. A second import of the
    /// same file finds nothing new; what is stored already stays as it is.
    #[must_use]
    pub fn redact(mut self, redactor: Redactor) -> Self {
        self.library = self.library.redact(redactor.clone());
        self.redactor = Some(redactor);
        self
    }

    /// Says which folders have another path here: `cwd` in the metadata that is taken over from an
    /// export is rewritten.
    #[must_use]
    pub fn relocate(mut self, relocation: Relocation) -> Self {
        self.library = self.library.relocate(relocation);
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
        let mut report = self.items(&items, listener)?;
        (report.session_files, report.name_files) = self.library.beside(&mut found)?;
        report.passed_over.extend(found.passed_over);
        report
            .passed_over
            .sort_by(|one, other| one.path.cmp(&other.path));
        report.unreadable.extend(found.unreadable);
        Ok(report)
    }

    /// Imports what was found. It is on the disk when this returns.
    pub(crate) fn items(
        &self,
        items: &[Item],
        listener: Option<Listener<'_>>,
    ) -> Result<ImportReport, StoreError> {
        let mut run = Run {
            archive: self.archive,
            group: Group::new(self.archive, self.library.clone()),
            report: ImportReport::default(),
        };
        let reader = Reader {
            archive: self.archive,
            library: self.library.clone(),
            again: self.again,
            redactor: self.redactor.clone(),
        };
        let done = run.all(&reader, items, listener);
        let done = done.and_then(|()| run.group.end(&mut run.report));
        // What came in before something failed stays.
        let synced = self.archive.sync();
        done.and(synced)?;
        note_trash(self.archive, &mut run.report)?;
        Ok(run.report)
    }
}

/// Says of each file whether its session is in the trash.
fn note_trash(archive: &Archive, report: &mut ImportReport) -> Result<(), StoreError> {
    let now = archive.snapshot()?;
    if !now.may_have_trash()? {
        return Ok(());
    }
    for file in &mut report.files {
        let session = now.session(file.report.session)?;
        file.in_trash = session.is_some_and(|session| session.trashed_ms.is_some());
    }
    Ok(())
}

/// What was read of an item.
type Read<'i> = (&'i Item, Result<Prepared, StoreError>);

/// What was read ahead, handed on several files at a time: so neither waits for the other at each of them.
struct Ahead<'i> {
    files: Vec<Read<'i>>,
    len_bytes: u64,
    sender: SyncSender<Vec<Read<'i>>>,
}

impl<'i> Ahead<'i> {
    fn new(sender: SyncSender<Vec<Read<'i>>>) -> Self {
        Self {
            files: Vec::new(),
            len_bytes: 0,
            sender,
        }
    }

    /// Takes the next. Returns whether anybody wants more.
    fn take(&mut self, item: &'i Item, prepared: Result<Prepared, StoreError>) -> bool {
        if let Ok(Prepared::File(ready)) = &prepared {
            self.len_bytes += ready.ahead.as_ref().map_or(0, ReadAhead::len_bytes);
        }
        self.files.push((item, prepared));
        let is_enough = self.files.len() >= FILES_AT_A_TIME || self.len_bytes >= BYTES_AT_A_TIME;
        !is_enough || self.hand_on()
    }

    fn hand_on(&mut self) -> bool {
        self.len_bytes = 0;
        self.sender.send(std::mem::take(&mut self.files)).is_ok()
    }
}

/// One run of an import.
struct Run<'a> {
    archive: &'a Archive,
    group: Group<'a>,
    report: ImportReport,
}

impl Run<'_> {
    fn all(
        &mut self,
        reader: &Reader<'_>,
        items: &[Item],
        mut listener: Option<Listener<'_>>,
    ) -> Result<(), StoreError> {
        let total = items.iter().map(Item::len_bytes).sum();
        thread::scope(|scope| {
            let (sender, receiver) = sync_channel(WAITING);
            // Reading, checking and folding the next ones takes about as long as storing one.
            scope.spawn(move || {
                let mut ahead = Ahead::new(sender);
                for item in items {
                    let mut take = |prepared| ahead.take(item, prepared);
                    if !reader.read(item, &mut take) {
                        return;
                    }
                }
                ahead.hand_on();
            });
            let (mut done, mut last) = (0, None);
            for (item, prepared) in receiver.iter().flatten() {
                self.take(item, prepared?)?;
                if last.replace(&item.absolute) != Some(&item.absolute) {
                    done += item.len_bytes();
                }
                if let Some(listener) = &mut listener {
                    listener(done, total, &item.file.path);
                }
            }
            Ok(())
        })
    }

    fn take(&mut self, item: &Item, prepared: Prepared) -> Result<(), StoreError> {
        match prepared {
            Prepared::Done(imported) => self.report.files.push(*imported),
            Prepared::NoLog => self.report.passed_over.push(item.passed_over()),
            Prepared::Unreadable(error) => {
                let unreadable = Unreadable::new(&item.file.path, &error);
                self.report.unreadable.push(unreadable);
            }
            Prepared::File(ready) => self.group.add(*ready, &mut self.report)?,
            Prepared::Database(note) => {
                self.group.end(&mut self.report)?;
                self.database(item, &note)?;
            }
        }
        Ok(())
    }

    /// Remembers what a database was of which all sessions came in.
    fn database(&self, item: &Item, note: &DatabaseNote) -> Result<(), StoreError> {
        let of_it = |file: &&Imported| file.report.path.starts_with(&item.file.path);
        let failed = |file: &Imported| matches!(file.report.outcome, Outcome::Failed(_));
        let files = self.report.files.iter().rev();
        if files.take_while(of_it).any(failed) {
            return Ok(());
        }
        let mut batch = self.archive.batch().with_durability(Durability::Written);
        batch.write_note(&notes::key_of_database(&item.absolute), note)?;
        batch.commit()
    }
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
                    is_new_session: false,
                    in_trash: false,
                    held_back: 0,
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
