//! Compaction: a fresh copy, written in key order, takes the place of the file. Where that cannot
//! be, since others have the file open, it is put in order as it is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::engine::commit::Committer;
use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::system::named;
use crate::engine::fault::{Outcome, is_no_room};
use crate::engine::file::ArchiveFile;
use crate::engine::file::events::Events;
use crate::engine::file::identity::{FileId, names_of};
use crate::engine::file::place::{Folder, Place, replaces_open_files};
use crate::engine::file::shared_page::SharedPage;
use crate::engine::file::superblock::Superblock;
use crate::engine::open::create::{Creation, write_whole};
use crate::engine::open::handle::{Engine, EngineOptions};
use crate::engine::open::registry;
use crate::engine::redb_format::guard::guarded;
use crate::engine::tables::Tell;
use crate::error::StoreError;

/// What a compaction did.
#[derive(Debug, Clone)]
pub(crate) struct Compaction {
    pub(crate) bytes_before: u64,
    pub(crate) bytes_after: u64,
    /// Why no fresh copy took the file's place, if none did.
    pub(crate) in_place: Option<String>,
    /// Why bytes of what was deleted may still be in the file, if they may.
    pub(crate) not_erased: Option<String>,
}

/// Why a compaction failed, and the archive if it is open.
type Failed = (Option<Arc<Engine>>, StoreError);

/// Compacts the archive, and returns it open as it was.
pub(crate) fn compact(
    engine: Arc<Engine>,
    tell: Tell<'_>,
) -> Result<(Arc<Engine>, Compaction), Failed> {
    let begun = Begun::new(&engine);
    let begun = match begun {
        Ok(begun) => begun,
        Err(err) => return Err((Some(engine), err)),
    };
    let (engine, reason) = match begun.by_a_copy(engine, &mut *tell)? {
        Copied::Replaced(engine, compaction) => {
            compaction.tell(engine.path());
            return Ok((engine, compaction));
        }
        Copied::Not(engine, reason) => (engine, reason),
    };
    match begun.in_place(&engine, reason, tell) {
        Ok(compaction) => {
            compaction.tell(engine.path());
            Ok((engine, compaction))
        }
        Err(err) => Err((Some(engine), err)),
    }
}

impl Compaction {
    fn tell(&self, path: &Path) {
        let in_place = self.in_place.is_some();
        Events::compacted(path, in_place, self.bytes_before, self.bytes_after);
    }
}

/// A compaction that has begun.
struct Begun {
    path: PathBuf,
    options: EngineOptions,
    bytes_before: u64,
    subject: Subject,
}

/// What came of the attempt to let a copy take the place of the file.
enum Copied {
    Replaced(Arc<Engine>, Compaction),
    Not(Arc<Engine>, String),
}

impl Begun {
    fn new(engine: &Engine) -> Result<Self, StoreError> {
        engine.committer.must_be_here()?;
        engine.committer.writable()?;
        Ok(Self {
            path: engine.path().to_owned(),
            options: engine.options,
            bytes_before: engine.file_bytes()?,
            subject: Subject::of(engine)?,
        })
    }

    /// Closes the archive, lets a copy take its place, and opens it again, whether or not that
    /// could be done.
    fn by_a_copy(&self, engine: Arc<Engine>, tell: Tell<'_>) -> Result<Copied, Failed> {
        let engine = match lone_file(engine)? {
            Ok(engine) => engine,
            Err((engine, reason)) => return Ok(Copied::Not(engine, reason)),
        };
        let replaced = engine
            .close()
            .and_then(|_| replace(&self.path, self.options, Some(&self.subject), tell));
        let reopened = registry::open(&self.path, Creation::Never, self.options);
        let reopened = reopened.and_then(|engine| self.subject.unless_another(engine));
        match (replaced, reopened) {
            (Ok(Ok(bytes_after)), Ok(engine)) => {
                let compaction = Compaction {
                    bytes_before: self.bytes_before,
                    bytes_after,
                    in_place: None,
                    not_erased: None,
                };
                Ok(Copied::Replaced(engine, compaction))
            }
            (Ok(Err(reason)), Ok(engine)) => Ok(Copied::Not(engine, reason)),
            (Err(err), reopened) => Err((reopened.ok(), err)),
            (Ok(_), Err(err)) => Err((None, err)),
        }
    }

    /// Puts the file in order as it is.
    fn in_place(
        &self,
        engine: &Engine,
        reason: String,
        tell: Tell<'_>,
    ) -> Result<Compaction, StoreError> {
        let done = engine.committer.compact_in_place(tell)?;
        if done.has_free_end {
            trim(&self.path, self.options);
        }
        Ok(Compaction {
            bytes_before: self.bytes_before,
            bytes_after: engine.file_bytes()?,
            in_place: Some(reason),
            not_erased: done.not_erased,
        })
    }
}

/// Gives the free end of a file back that others have open, which redb does as it closes one. What fails
/// costs no more than that.
fn trim(path: &Path, options: EngineOptions) {
    let beside = EngineOptions {
        background: false,
        ..options
    };
    if options.shared {
        let _ = Engine::open(path, beside).and_then(Engine::close);
    }
}

/// Compacts an archive that nobody knows yet, without opening it afterwards. Where the file
/// system does not replace a file that is open it stays as it is.
pub(crate) fn compact_new(
    path: &Path,
    options: EngineOptions,
    progress: Tell<'_>,
) -> Result<(), StoreError> {
    // What cannot be done leaves it as it was.
    replace(path, options, None, progress).map(drop)
}

/// What is to be compacted: by its path alone another archive could be taken for it.
struct Subject {
    archive_id: Uuid,
    file: Option<FileId>,
}

impl Subject {
    /// Fails if the archive is not at its path any more.
    fn of(engine: &Engine) -> Result<Self, StoreError> {
        let committer = &engine.committer;
        committer.attempt(|| Ok(committer.sources.file.must_be_in_place()?))?;
        Ok(Self {
            archive_id: engine.archive_id(),
            file: engine.file_id().cloned(),
        })
    }

    /// Fails if this is another file.
    fn must_be(&self, engine: &Engine) -> Result<(), StoreError> {
        if engine.archive_id() == self.archive_id && engine.file_id() == self.file.as_ref() {
            return Ok(());
        }
        Err(another(engine.path()))
    }

    /// Fails if this is another archive. Its file may be another one by now.
    fn unless_another(&self, engine: Arc<Engine>) -> Result<Arc<Engine>, StoreError> {
        if engine.archive_id() == self.archive_id {
            return Ok(engine);
        }
        Err(another(engine.path()))
    }
}

fn another(path: &Path) -> StoreError {
    StoreError::Displaced {
        path: path.to_owned(),
        what: "another file took its place while it was compacted; that one was left as it is"
            .to_owned(),
        file: None,
    }
}

type Lone = Result<Engine, (Arc<Engine>, String)>;

/// The engine by itself if nobody else in this process has it, and its file can be replaced.
fn lone_file(engine: Arc<Engine>) -> Result<Lone, Failed> {
    let reason = if engine.file_id().is_none() {
        "it is not a file"
    } else {
        match has_other_names(engine.path()) {
            Err(err) => return Err((Some(engine), err)),
            Ok(true) => "the file has other names, which would go on leading to the old one",
            Ok(false) => match Arc::try_unwrap(engine) {
                Ok(engine) => return Ok(Ok(engine)),
                Err(engine) => return Ok(Err((engine, OTHER_HANDLES.to_owned()))),
            },
        }
    };
    Ok(Err((engine, reason.to_owned())))
}

const OTHER_HANDLES: &str = "this process has other handles on it";

fn has_other_names(path: &Path) -> Result<bool, StoreError> {
    Ok(names_of(path).map_err(|err| named(path, &err))? > 1)
}

/// Lets a fresh copy take the place of the file, and returns its length; or says why it cannot.
fn replace(
    path: &Path,
    options: EngineOptions,
    subject: Option<&Subject>,
    progress: Tell<'_>,
) -> Result<Result<u64, String>, StoreError> {
    // Alone: redb then locks the whole file, and keeps it locked until the name leads to the copy.
    let alone = EngineOptions {
        read_only: false,
        shared: false,
        background: false,
        lock_timeout: Duration::ZERO,
        ..options
    };
    let old = match Engine::open(path, alone) {
        Err(StoreError::Busy { .. }) => {
            return Ok(Err(
                "another process, or another handle, has it open".to_owned()
            ));
        }
        opened => opened?,
    };
    if let Some(subject) = subject {
        subject.must_be(&old)?;
    }
    if !replaces_open_files(path) {
        let reason = "the file system does not let a copy take the place of a file that is open";
        return Ok(Err(reason.to_owned()));
    }
    let place = Folder::replacing(path)?;
    // Only now: the place is that of the file which the path led to just before.
    if !old.committer.sources.file.is_at_its_path() {
        return Err(another(path));
    }
    match old
        .committer
        .copy_over(&place, options.cache_bytes, progress)
    {
        // The old file is as it was, and can be put in order as it is.
        Err(StoreError::Io(err)) if is_no_place_for_a_copy(&err) => {
            Ok(Err(format!("there is no place for a copy: {err}")))
        }
        copied => copied.map(Ok),
    }
}

fn is_no_place_for_a_copy(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::PermissionDenied
            | io::ErrorKind::ReadOnlyFilesystem
            // A file that is mounted by itself is not replaced.
            | io::ErrorKind::ResourceBusy
    ) || is_no_room(err)
}

/// Writes a fresh copy of the archive in the place and lets it replace the archive.
#[cfg(feature = "_testing")]
pub(crate) fn compact_into(engine: &Engine, place: &dyn Place) -> Result<(), StoreError> {
    let copied = engine.committer.copy_over(place, 1 << 20, &mut |_, _| {});
    copied.map(drop)
}

impl Committer {
    /// Writes a fresh copy in the place and lets it replace this file, which nobody else has open.
    /// Returns the length of the copy.
    fn copy_over(
        &self,
        place: &dyn Place,
        cache_bytes: usize,
        progress: Tell<'_>,
    ) -> Result<u64, StoreError> {
        let failed = |err: io::Error| StoreError::from(named(&self.path, &err));
        // From here on all is in the tables, and no frame of the journal counts.
        self.checkpoint()?;
        let superblock = Superblock::read(self.sources.file.storage(), &self.path)?;
        let image_bytes = self.sources.file.len().map_err(failed)?;
        let image_bytes = image_bytes.saturating_sub(superblock.image_offset());
        let superblock = superblock.renewed().with_journal_for(image_bytes);
        let storage = match place.new_file() {
            Ok(storage) => storage,
            Err(err) => {
                let _ = place.remove_first_name();
                return Err(failed(err));
            }
        };
        let copy = ArchiveFile::on(storage, &*self.path, &superblock);
        let replace = || place.replace().map_err(failed);
        let mut written = || self.copy_to(&copy, &superblock, cache_bytes, progress);
        let replaced = if seeded(Bug::ReplaceEarly) {
            replace().and_then(|()| written())
        } else {
            written().and_then(|()| replace())
        };
        if let Err(err) = replaced {
            let _ = place.remove_first_name();
            return Err(err);
        }
        place.sync().map_err(failed)?;
        // Whoever opens it before this does the same once more.
        SharedPage::set_name_unsynced(copy.storage(), false).map_err(failed)?;
        copy.len().map_err(failed)
    }

    fn copy_to(
        &self,
        copy: &ArchiveFile,
        superblock: &Superblock,
        cache_bytes: usize,
        progress: Tell<'_>,
    ) -> Result<(), StoreError> {
        let layers = self.layers()?;
        let view = layers.tables();
        let written: Outcome<()> = guarded(self.sources.file.watch(), || {
            write_whole(
                copy,
                superblock,
                view.checkpointed(),
                cache_bytes,
                |tables| {
                    tables.fill(view, progress)?;
                    tables.trim()?;
                    Ok(SharedPage::set_name_unsynced(copy.storage(), true)?)
                },
            )
        });
        written.map_err(|fault| fault.at(&self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::file::superblock::MIN_JOURNAL_BYTES;
    use crate::engine::model::op::Op;
    use crate::engine::open::create::create;

    const OPTIONS: EngineOptions = EngineOptions {
        read_only: false,
        shared: true,
        cache_bytes: 1 << 20,
        lock_timeout: Duration::from_secs(60),
        sync_interval: Duration::from_secs(1),
        background: false,
    };

    /// Between the closing of the handle and the opening for the copy another file can take the place.
    #[test]
    fn another_archive_that_takes_the_place_meanwhile_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a"), folder.path().join("b"));
        for path in [&path, &other] {
            create(path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
        }
        let engine = Engine::open(&path, OPTIONS).unwrap();
        let subject = Subject::of(&engine).unwrap();
        engine.close().unwrap();
        std::fs::rename(&other, &path).unwrap();
        let there = FileId::at(&path).unwrap();
        let refused = replace(&path, OPTIONS, Some(&subject), &mut |_, _| {}).unwrap_err();
        assert!(
            matches!(refused, StoreError::Displaced { .. }),
            "{refused:?}"
        );
        assert_eq!(FileId::at(&path).unwrap(), there);
    }

    /// Opens that found the old file and wait for its locks while a copy takes its place must not
    /// go on with the old one, which has no name any more.
    #[test]
    fn an_open_that_waited_for_the_old_file_opens_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sessiondb");
        create(&path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
        let alone = EngineOptions {
            shared: false,
            ..OPTIONS
        };
        let modes = [(true, false), (true, true), (false, false), (false, true)];
        for (shared, read_only) in modes {
            let old = Engine::open(&path, alone).unwrap();
            let before = old.file_id().cloned();
            let mode = EngineOptions {
                read_only,
                shared,
                ..OPTIONS
            };
            std::thread::scope(|scope| {
                let waiting = scope.spawn(|| registry::open(&path, Creation::Never, mode));
                // Long enough for it to have found the file, and to wait.
                std::thread::sleep(Duration::from_millis(50));
                let place = Folder::replacing(&path).unwrap();
                old.committer
                    .copy_over(&place, 1 << 20, &mut |_, _| {})
                    .unwrap();
                drop(old);
                let opened = waiting.join().unwrap().unwrap();
                let there = FileId::at(&path).unwrap();
                assert_ne!(Some(&there), before.as_ref());
                assert_eq!(opened.file_id(), Some(&there));
                if !read_only {
                    let (name, json) = ("n".to_owned(), b"{}".to_vec());
                    opened.write(true, [Op::SetName { name, json }]).unwrap();
                }
            });
        }
        let opened = registry::open(&path, Creation::Never, OPTIONS).unwrap();
        assert_eq!(opened.version().unwrap(), 2);
    }
}
