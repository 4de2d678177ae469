//! `compact`: the space of what was deleted goes back to the disk, and its bytes go from the file.

use std::fmt;

use serde::Serialize;

use super::handle::Archive;
use crate::engine;
use crate::error::StoreError;
use crate::progress::{Meter, Progress};

/// How an archive was compacted.
///
/// ```
/// let (archive, compacted) = sessiondb::Archive::in_memory()?.compact(None)?;
/// assert_eq!(compacted.mode, sessiondb::archive::CompactMode::InPlace); // there is no file to replace
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompactMode {
    /// A fresh copy, written in the order of the keys, has taken the place of the file.
    Fresh,
    /// The file was put in order as it is.
    InPlace,
}

impl fmt::Display for CompactMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fresh => "by a fresh copy",
            Self::InPlace => "in place",
        })
    }
}

/// What a compaction did.
///
/// ```
/// let (archive, compacted) = sessiondb::Archive::in_memory()?.compact(None)?;
/// assert!(compacted.erased && compacted.not_erased_because.is_none());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Compacted {
    /// How it was done.
    pub mode: CompactMode,
    /// The length of the file before, in bytes.
    pub bytes_before: u64,
    /// The length of the file after, in bytes.
    pub bytes_after: u64,
    /// Whether no byte of what was deleted before is in the file any more.
    pub erased: bool,
    /// Why there was no fresh copy, if there was none.
    pub in_place_because: Option<String>,
    /// Why bytes of what was deleted may still be in the file, if they may.
    pub not_erased_because: Option<String>,
}

/// A compaction that failed.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("agent.sessiondb");
/// use sessiondb::Archive;
///
/// drop(Archive::open(&path)?);
/// let archive = Archive::options().read_only(true).open(&path)?;
/// let failed = archive.compact(None).expect_err("nothing may be written");
/// assert_eq!(failed.error.kind(), sessiondb::ErrorKind::ReadOnly);
/// let archive = failed.archive.expect("it is as it was");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
#[non_exhaustive]
pub struct CompactError {
    /// The archive, open as it was; `None` if it could not be opened again either.
    pub archive: Option<Archive>,
    /// Why it failed.
    pub error: StoreError,
}

impl From<CompactError> for StoreError {
    fn from(failed: CompactError) -> Self {
        failed.error
    }
}

impl Archive {
    /// Gives the space of what was deleted, replaced and cut off back to the disk, and leaves no
    /// byte of it in the file. Returns the archive, open as it was. The progress is in rows of the
    /// tables or, in place, in pages.
    ///
    /// If nobody else has the archive open, in this process or another, a fresh copy is written
    /// beside it, which packs best and needs room on the disk for that long, and takes its place
    /// in one step: a crash leaves the one or the other, whole. Until that is done, opening the
    /// archive fails with [`StoreError::Busy`] after the lock timeout. The copy has the owner and
    /// the mode of the file; further attributes of it are not kept.
    ///
    /// Otherwise the file is put in order as it is, beside those who use it. They may have to
    /// wait, up to their lock timeout. What was deleted can then not be erased as long as somebody
    /// reads an earlier state of the archive, and [`Compacted`] says so. So does a file that has
    /// several names (hard links), or whose folder cannot be written to.
    ///
    /// # Errors
    ///
    /// [`CompactError`] with the errors of a write and of
    /// [`ArchiveOptions::open`](crate::ArchiveOptions::open), and [`StoreError::Damaged`] if
    /// something in it is; the file is then as good as before, and the archive is given back.
    ///
    /// ```
    /// # let dir = tempfile::tempdir()?;
    /// # let path = dir.path().join("agent.sessiondb");
    /// use sessiondb::{Archive, new_segment_id, new_session_id};
    ///
    /// let archive = Archive::open(&path)?;
    /// let session = new_session_id();
    /// archive.log(session, new_segment_id()).append("a secret")?;
    /// archive.delete_session(session)?;
    ///
    /// let (archive, compacted) = archive.compact(None)?;
    /// assert!(compacted.erased);
    /// assert!(archive.sessions()?.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compact(
        self,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<(Self, Compacted), CompactError> {
        let durability = self.durability;
        let mut meter = Meter::new(progress, 0);
        let done = engine::compact(self.engine, &mut |done, total| meter.set(done, total));
        let (engine, done) = done.map_err(|(engine, error)| CompactError {
            archive: engine.map(|engine| Self::new(engine, durability)),
            error,
        })?;
        let compacted = Compacted {
            mode: match done.in_place {
                None => CompactMode::Fresh,
                Some(_) => CompactMode::InPlace,
            },
            bytes_before: done.bytes_before,
            bytes_after: done.bytes_after,
            erased: done.not_erased.is_none(),
            in_place_because: done.in_place,
            not_erased_because: done.not_erased,
        };
        Ok((Self::new(engine, durability), compacted))
    }
}
