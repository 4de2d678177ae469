//! One file put where it belongs: compared with what is there, written under a temporary name, synced
//! and renamed.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use sessiondb::jsonl::{ExportOutcome, Permissions, Unfinished};
use sessiondb::{Snapshot, StoreError};

use super::content::{self, Content, Place, Whole};
use super::existing::{self, Existing};
use super::rebase::Rebase;

const BUFFER_BYTES: usize = 256 << 10;

/// How files are put.
pub(crate) struct Put<'p> {
    pub(crate) rebase: &'p Rebase,
    pub(crate) force: bool,
    pub(crate) permissions: Permissions,
}

/// What stands in the place of a file, and what it is to be.
pub(crate) struct Compared {
    existing: Existing,
    whole: Option<Whole>,
    entries: u64,
}

/// Why a file is not put.
pub(crate) enum Stop {
    /// It alone.
    File(String),
    Archive(StoreError),
}

impl Stop {
    fn io(path: &Path, error: &io::Error) -> Self {
        Self::File(format!("{}: {error}", path.display()))
    }

    pub(crate) fn log(path: &Path, error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) | StoreError::Corrupt { .. } | StoreError::Damaged { .. } => {
                Self::File(format!("{}: not written: {error}", path.display()))
            }
            error => Self::Archive(error),
        }
    }
}

impl Put<'_> {
    /// Compares what is there with what is to be, and refuses to replace something else.
    pub(crate) fn compare(
        &self,
        now: &Snapshot,
        place: Place,
        content: &Content,
        path: &Path,
    ) -> Result<Compared, Stop> {
        let compared = self.beside(now, place, content, path)?;
        if let Existing::Other { byte_offset } = compared.existing
            && !self.force
        {
            return Err(Stop::File(format!(
                "{}: holds something else from byte offset {byte_offset} on than segment {} of \
                 session {}; it was left as it is; `--force` replaces it",
                path.display(),
                place.segment,
                place.session,
            )));
        }
        Ok(compared)
    }

    fn beside(
        &self,
        now: &Snapshot,
        place: Place,
        content: &Content,
        path: &Path,
    ) -> Result<Compared, Stop> {
        if let Content::Lines { trace, form } = *content {
            let file = existing::open(path).map_err(|error| Stop::io(path, &error))?;
            let Some(mut file) = file else {
                return Ok(Compared {
                    existing: Existing::Missing,
                    whole: None,
                    entries: 0,
                });
            };
            let mut take = |piece: &[u8]| file.take(piece);
            let entries = content::lines(now, place, (trace, form), self.rebase, &mut take)
                .map_err(|error| Stop::log(path, error))?;
            let existing = file.finish().map_err(|error| Stop::io(path, &error))?;
            return Ok(Compared {
                existing,
                whole: None,
                entries,
            });
        }
        let whole = content::whole(now, place, content, self.rebase)
            .map_err(|error| Stop::log(path, error))?;
        let Some(whole) = whole else {
            let what = "what is stored makes no such file";
            return Err(Stop::File(format!("{}: {what}", path.display())));
        };
        let is_json = !matches!(content, Content::Sidecar);
        let existing = existing::beside(path, &whole, is_json);
        Ok(Compared {
            existing: existing.map_err(|error| Stop::io(path, &error))?,
            entries: whole.entries,
            whole: Some(whole),
        })
    }

    /// Writes what was compared, unless it is there.
    pub(crate) fn write(
        &self,
        now: &Snapshot,
        place: Place,
        content: &Content,
        (path, compared): (&Path, Compared),
    ) -> Result<ExportOutcome, Stop> {
        let Compared {
            existing, entries, ..
        } = compared;
        if existing == Existing::Same {
            return Ok(ExportOutcome::Unchanged { entries });
        }
        if let Some(folder) = path.parent() {
            let made = self.permissions.create_folder(folder);
            made.map_err(|error| Stop::File(error.to_string()))?;
        }
        let unfinished = Unfinished::create(path, self.permissions);
        let unfinished = unfinished.map_err(|error| Stop::io(path, &error))?;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, unfinished.file());
        let (mut bytes, mut failed) = (0_u64, None);
        let mut take = |piece: &[u8]| {
            bytes += piece.len() as u64;
            failed = writer.write_all(piece).err();
            failed.is_none()
        };
        let entries = match (&compared.whole, content) {
            (Some(whole), _) => {
                take(whole.text.as_bytes());
                whole.entries
            }
            (None, Content::Lines { trace, form }) => {
                content::lines(now, place, (*trace, *form), self.rebase, &mut take)
                    .map_err(|error| Stop::log(path, error))?
            }
            (None, _) => 0,
        };
        let flushed = failed.map_or_else(|| writer.flush(), Err);
        drop(writer);
        flushed
            .and_then(|()| unfinished.finish())
            .map_err(|error| Stop::io(path, &error))?;
        Ok(ExportOutcome::Written { entries, bytes })
    }
}
