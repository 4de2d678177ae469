//! Free: source logs that the archive holds as a whole, found and deleted.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use sessiondb::jsonl::{Permissions, Unfinished};
use sessiondb::{Archive, Snapshot, StoreError};
use sessiondb_agents::by_name;

use super::content::{self, Content, Place};
use super::existing::{Comparison, Existing};
use super::free_report::{FreeFile, FreeOutcome, FreeReport, Kept};
use super::open_files::OpenFiles;
use super::rebase::Rebase;
use super::segments;
use crate::import::Listener;
use crate::notes::{self, LogNote, SourceNote, Stamp, TextForm};
use crate::opencode::Storage;
use crate::source::{Opened, Source};

/// Finds the source logs of which every byte is in the archive, and deletes them if asked.
///
/// A file is safe if it is the one that was imported, unchanged, nobody has it open, and what the archive
/// would write today begins with it, byte for byte: it is read and compared now. A compressed log is
/// compared as what it holds, a document as JSON.
///
/// Who has a file open is looked up on Linux, among the processes that this one may look at; elsewhere,
/// a file that was written to within the last hour stays.
///
/// ```
/// use sessiondb::Archive;
/// use sessiondb_logs::{Free, FreeOutcome, Import};
///
/// # let folder = tempfile::tempdir()?;
/// let log = folder.path().join("log.jsonl");
/// std::fs::write(&log, "{\"type\":\"user\",\"message\":{\"content\":\"Hello\"},\"isSidechain\":false}\n")?;
/// # let long_ago = std::time::SystemTime::UNIX_EPOCH;
/// # std::fs::File::options().write(true).open(&log)?.set_modified(long_ago)?;
/// let archive = Archive::in_memory()?;
/// Import::new(&archive).run(&[log.clone()], None)?;
/// let found = Free::new(&archive).find(None)?;
/// assert_eq!(found.files[0].outcome, FreeOutcome::Safe);
/// let freed = Free::new(&archive).run(None)?;
/// assert_eq!(freed.bytes, found.bytes);
/// assert!(!log.exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Free<'a> {
    archive: &'a Archive,
}

impl<'a> Free<'a> {
    /// For the source logs of `archive`.
    pub fn new(archive: &'a Archive) -> Self {
        Self { archive }
    }

    /// Reads the source logs that are there and says which can be deleted. Nothing is deleted.
    ///
    /// # Errors
    ///
    /// Those of reading the archive, except what concerns one log alone.
    pub fn find(&self, listener: Option<Listener<'_>>) -> Result<FreeReport, StoreError> {
        let mut report = self.verify(listener)?;
        let mut open = OpenFiles::default();
        for file in &mut report.files {
            if file.outcome == FreeOutcome::Safe
                && let Ok(metadata) = fs::symlink_metadata(&file.path)
                && let Some(kept) = open.kept(&metadata)
            {
                file.outcome = FreeOutcome::Kept(kept);
            }
        }
        report.count(&FreeOutcome::Safe);
        Ok(report)
    }

    /// Does the same, and deletes those that can be.
    ///
    /// The archive is on the disk before. A file that has changed since it was compared, be it in the
    /// instant in which it was deleted, is kept, or put back.
    ///
    /// # Errors
    ///
    /// Those of [`find`](Self::find) and of [`Archive::sync`]: nothing is deleted then.
    pub fn run(&self, listener: Option<Listener<'_>>) -> Result<FreeReport, StoreError> {
        self.archive.sync()?;
        let mut report = self.verify(listener)?;
        let now = self.archive.snapshot()?;
        let mut open = OpenFiles::default();
        for file in &mut report.files {
            if file.outcome != FreeOutcome::Safe {
                continue;
            }
            let note = notes::read_source(&now, &file.path)?;
            file.outcome = match note.map(|note| delete(&file.path, &note, &mut open)) {
                Some(Ok(outcome)) => outcome,
                Some(Err(error)) => failed(&file.path, &error),
                None => FreeOutcome::Kept(Kept::Changed),
            };
        }
        report.count(&FreeOutcome::Freed);
        Ok(report)
    }

    /// Compares each file with what the archive holds of it.
    fn verify(self, mut listener: Option<Listener<'_>>) -> Result<FreeReport, StoreError> {
        let mut sources = Vec::new();
        let now = self.archive.snapshot()?;
        for path in notes::sources(&now)? {
            // What is not there any more needs no word.
            if let Ok(metadata) = fs::symlink_metadata(&path)
                && let Some(note) = notes::read_source(&now, &path)?
            {
                sources.push((path, note, metadata.len()));
            }
        }
        drop(now);
        let total = sources.iter().map(|(.., len_bytes)| len_bytes).sum();
        let (mut done, mut report) = (0, FreeReport::default());
        for (path, note, len_bytes) in sources {
            let outcome = match self.verified(&path, &note) {
                Ok(None) => FreeOutcome::Safe,
                Ok(Some(kept)) => FreeOutcome::Kept(kept),
                Err(Stop::File(error)) => failed(&path, &error),
                Err(Stop::Archive(
                    error @ (StoreError::Damaged { .. } | StoreError::Corrupt { .. }),
                )) => FreeOutcome::Failed(format!("{}: not freed: {error}", path.display())),
                Err(Stop::Archive(error)) => return Err(error),
            };
            done += len_bytes;
            if let Some(listener) = &mut listener {
                listener(done, total, &path);
            }
            report.files.push(FreeFile {
                path,
                session: note.session,
                segment: note.segment,
                len_bytes,
                outcome,
            });
        }
        Ok(report)
    }

    /// Why a file has to stay; `None` if all of it is in the archive.
    fn verified(self, path: &Path, note: &SourceNote) -> Result<Option<Kept>, Stop> {
        if !fs::symlink_metadata(path)?.is_file() {
            return Ok(Some(Kept::NoFile));
        }
        let now = self.archive.snapshot()?;
        let session = now.session(note.session)?;
        if session.is_some_and(|session| session.trashed_ms.is_some()) {
            return Ok(Some(Kept::InTrash));
        }
        let log = notes::read_log(&now, note.session, note.segment)?.unwrap_or_default();
        if log.agent == "opencode" && Storage::of_session(path).is_some() {
            return Ok(Some(Kept::ManyFiles));
        }
        if !is_same(&fs::metadata(path)?, note) {
            return Ok(Some(Kept::Changed));
        }
        let place = Place {
            session: note.session,
            segment: note.segment,
        };
        let Opened::Lines(source) = Source::open(path, path, true)? else {
            return Ok(Some(Kept::OtherDocument));
        };
        let kept = if source.is_document {
            documents(&now, place, &log, &source, path)?
        } else {
            lines(&now, place, &log, &source)?
        };
        if !is_same(&fs::metadata(path)?, note) {
            return Ok(Some(Kept::Changed));
        }
        Ok(kept)
    }
}

impl FreeReport {
    fn count(&mut self, outcome: &FreeOutcome) {
        let counted = self.files.iter().filter(|file| file.outcome == *outcome);
        self.bytes = counted.map(|file| file.len_bytes).sum();
    }

    /// Why files failed.
    pub fn causes(&self) -> impl Iterator<Item = &str> {
        self.files.iter().filter_map(|file| match &file.outcome {
            FreeOutcome::Failed(message) => Some(message.as_str()),
            _ => None,
        })
    }
}

/// Why a file is not compared to its end.
enum Stop {
    File(io::Error),
    Archive(StoreError),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Archive(error)
    }
}

fn failed(path: &Path, error: &io::Error) -> FreeOutcome {
    FreeOutcome::Failed(format!("{}: {error}", path.display()))
}

/// Whether the file is the one that was imported, as far as its length, time and number tell.
fn is_same(metadata: &fs::Metadata, note: &SourceNote) -> bool {
    let stamp = Stamp::of(metadata);
    (stamp.len_bytes, stamp.modified_ns, &stamp.file)
        == (note.len_bytes, note.modified_ns, &note.file)
}

/// A file of lines is beside what the archive would write, of which it may be a beginning.
fn lines(
    now: &Snapshot,
    place: Place,
    log: &LogNote,
    source: &Source,
) -> Result<Option<Kept>, Stop> {
    if log.is_document {
        return Ok(Some(Kept::OtherDocument));
    }
    let entries = now.log(place.session, place.segment).len()?;
    let form = segments::form(log, entries);
    Ok(match compared(now, place, form, source)? {
        Existing::Same | Existing::Beginning => None,
        Existing::Other { byte_offset } => Some(Kept::Differs { byte_offset }),
        Existing::Missing => Some(Kept::NoFile),
    })
}

fn compared(
    now: &Snapshot,
    place: Place,
    form: TextForm,
    source: &Source,
) -> Result<Existing, Stop> {
    let mut file = &source.lines;
    file.seek(SeekFrom::Start(0))?;
    let mut comparison = Comparison::new(file);
    let mut take = |piece: &[u8]| comparison.take(piece);
    content::lines(now, place, (false, form), &Rebase::default(), &mut take)?;
    Ok(comparison.finish()?)
}

/// A document is compared part by part, as it was taken apart, and then as a whole.
fn documents(
    now: &Snapshot,
    place: Place,
    log: &LogNote,
    source: &Source,
    path: &Path,
) -> Result<Option<Kept>, Stop> {
    let other = Ok(Some(Kept::OtherDocument));
    let header = log.header.as_ref().map(|header| header.get());
    let (true, Some(agent)) = (log.is_document, by_name(&log.agent)) else {
        return other;
    };
    let is_own = source.agent.is_some_and(|own| own.name() == agent.name());
    if !is_own || source.is_unpacked || source.header.as_deref() != header {
        return other;
    }
    if compared(now, place, TextForm::default(), source)? != Existing::Same {
        return other;
    }
    let content = Content::Document {
        agent,
        header: header.map(ToOwned::to_owned),
    };
    let joined = content::whole(now, place, &content, &Rebase::default())?;
    let there = fs::read_to_string(path)?;
    let there = there.strip_prefix('\u{feff}').unwrap_or(&there);
    let value = |json: &str| serde_json::from_str::<serde_json::Value>(json).ok();
    let joined = joined.and_then(|joined| value(&joined.text));
    if joined.is_some() && joined == value(there) {
        Ok(None)
    } else {
        other
    }
}

/// Deletes a file that was verified, unless it has changed since or somebody has it open.
fn delete(path: &Path, note: &SourceNote, open: &mut OpenFiles) -> io::Result<FreeOutcome> {
    let metadata = fs::symlink_metadata(path)?;
    if let Some(kept) = open.kept(&metadata) {
        return Ok(FreeOutcome::Kept(kept));
    }
    let file = File::open(path)?;
    if !is_same(&fs::symlink_metadata(path)?, note) || !is_same(&file.metadata()?, note) {
        return Ok(FreeOutcome::Kept(Kept::Changed));
    }
    fs::remove_file(path)?;
    if is_same(&file.metadata()?, note) {
        return Ok(FreeOutcome::Freed);
    }
    let kept = put_back(&file, path)?;
    Err(io::Error::other(format!(
        "it was written to while it was deleted; what it held is in {}",
        kept.display()
    )))
}

/// Writes what the file holds, which has no name any more, to where it was. Returns where that is.
fn put_back(mut file: &File, path: &Path) -> io::Result<PathBuf> {
    let target = if path.exists() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.with_file_name(format!("{name}.before"))
    } else {
        path.to_owned()
    };
    let permissions = Permissions::exactly(0o600);
    let unfinished = Unfinished::create(&target, permissions)?;
    file.seek(SeekFrom::Start(0))?;
    io::copy(&mut file.by_ref(), &mut unfinished.file())?;
    unfinished.finish()?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_while_it_was_deleted_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(&path, "{}\n").unwrap();
        let file = File::open(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(put_back(&file, &path).unwrap(), path);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}\n");
        let beside = put_back(&file, &path).unwrap();
        assert_eq!(beside, folder.path().join("a.jsonl.before"));
    }

    #[test]
    fn the_paths_of_notes_are_read_back() {
        for path in ["/a/b.jsonl", "/ä/b c.jsonl"] {
            let key = notes::key_of_source(Path::new(path));
            assert_eq!(
                notes::path_of_source(&key).as_deref(),
                Some(Path::new(path))
            );
        }
        assert_eq!(notes::path_of_source("sessiondb/source/no-path"), None);
    }
}
