//! Logs in an archive of sessiondb.

use std::fs;
use std::path::{Path, PathBuf};

use sessiondb::Archive;
use sessiondb::jsonl::{Export, Import};

use super::Logs;
use crate::Result;

/// The archive's file in a folder.
pub(crate) fn path_in(dir: &Path) -> PathBuf {
    dir.join("archive.sessiondb")
}

/// Imports the logs into a new archive, and closes it.
pub(crate) fn import(logs: &Logs, dir: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let archive = Archive::open(path_in(dir))?;
    let report = Import::new(&archive).run(std::slice::from_ref(&logs.folder), &mut |_| {})?;
    if report.failed() > 0 {
        let failed = report.files.into_iter().map(|file| file.outcome);
        let failed: Vec<_> = failed.filter(is_failure).collect();
        return Err(format!("not all logs were imported: {failed:?}").into());
    }
    Ok(archive.close()?)
}

fn is_failure(outcome: &sessiondb::jsonl::Outcome) -> bool {
    matches!(outcome, sessiondb::jsonl::Outcome::Failed(_))
}

/// Exports all that is in an archive.
pub(crate) fn export(dir: &Path, out: &Path) -> Result<()> {
    let archive = Archive::options().read_only(true).open(path_in(dir))?;
    match Export::new(&archive).run(out, &mut |_| {})?.failed() {
        0 => Ok(()),
        failed => Err(format!("{failed} logs were not exported").into()),
    }
}

/// Compacts an archive that nobody has open, by a fresh copy.
pub(crate) fn compact(dir: &Path) -> Result<()> {
    let (archive, compacted) = Archive::open(path_in(dir))?.compact(&mut |_| {})?;
    archive.close()?;
    match compacted.in_place_because {
        None if compacted.erased => Ok(()),
        because => Err(format!("compacted in place: {because:?}").into()),
    }
}

/// How much of a compacted archive is in use: its free pages are zeros, as is its journal.
pub(crate) fn used_bytes(dir: &Path) -> Result<u64> {
    const PAGE_BYTES: usize = 4096;
    let file = fs::read(path_in(dir))?;
    let pages = file.chunks(PAGE_BYTES);
    let used = pages.filter(|page| page.iter().any(|byte| *byte != 0));
    Ok((used.count() * PAGE_BYTES) as u64)
}
