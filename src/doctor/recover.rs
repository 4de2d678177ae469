//! `recover`: what can be read out of a damaged archive, written into a new one.

use std::path::Path;

use super::recovered::RecoverReport;
use super::restore::restore;
use crate::engine::{Salvaged, Superblock, create_filled};
use crate::error::StoreError;
use crate::progress::{Meter, Progress};

/// Writes what can be read out of the damaged archive at `broken` into a new one at `new`.
///
/// No entry of the new archive differs from the one that the damaged archive had in its place.
/// What cannot be read, or cannot be told from what had been removed, is missing and reported.
///
/// `broken` is opened for reading only, nothing in it is changed, and no lock is taken: it is for
/// a file that nobody writes to. Beside a writer, what is read may be of several moments, and is
/// then reported as damaged. `new` appears at once, when it is whole. The progress is in bytes: first
/// those of the damaged file that are read, then those of the entries that are written.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let (broken, new) = (dir.path().join("broken.sessiondb"), dir.path().join("new.sessiondb"));
/// # sessiondb::Archive::open(&broken)?.close()?;
/// let report = sessiondb::doctor::recover(&broken, &new, None)?;
/// for problem in &report.problems {
///     eprintln!("{problem}");
/// }
/// let archive = sessiondb::Archive::open(&new)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`StoreError::NotAnArchive`] if `broken` never was one, or too little is left of it to tell;
/// [`StoreError::UnsupportedVersion`]; [`StoreError::Io`] if `new` is there already, or the
/// operating system refuses. Then there is nothing at `new`. Damage is no error.
pub fn recover(
    broken: impl AsRef<Path>,
    new: impl AsRef<Path>,
    progress: Option<&mut dyn FnMut(Progress<'_>)>,
) -> Result<RecoverReport, StoreError> {
    let (broken, new) = (broken.as_ref(), new.as_ref());
    if std::fs::symlink_metadata(new).is_ok() {
        let reason = format!("{}: there is a file already", new.display());
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, reason).into());
    }
    let mut meter = Meter::new(progress, 0);
    let mut tell = |done, total| meter.set(done, total);
    let salvaged = Salvaged::read(broken, &mut tell)?;
    let mut report = RecoverReport::of(&salvaged);
    create_filled(new, &Superblock::new(salvaged.journal_bytes), |path| {
        restore(&salvaged, path, &mut report, &mut tell)
    })?;
    report.finish();
    Ok(report)
}
