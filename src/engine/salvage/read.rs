//! Which state of a damaged archive is taken, and the entries that it has.

use std::path::Path;

use redb::StorageBackend;

use super::found::{Found, RunAt, Source};
use super::frames::{self, Reach};
use super::head::guess_image_offset;
use super::image::Image;
use super::patient::Patient;
use super::rows::{Proved, Table, prove};
use super::scan;
use super::tables::tables_below;
use super::values::{self, ReadRow};
use super::walk::{RowAt, tables_of};
use crate::engine::fault::system::named;
use crate::engine::file::storage::{open_regular, storage_of};
use crate::engine::file::superblock::{JOURNAL_OFFSET, Superblock};
use crate::engine::model::log_id::LogId;
use crate::engine::model::run::Run;
use crate::engine::model::run_row::RunRow;
use crate::engine::redb_format::page::{Geometry, Header, Link, Node, Slot, Widths};
use crate::engine::tables::Checkpointed;
use crate::error::StoreError;

/// What the state that was read rests on, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Basis {
    /// The last state that was committed, or one that is the same.
    Newest,
    /// An older root, since the newest could not be read; what was done since may be missing.
    Older,
    /// The journal alone, from the first change on.
    Journal,
    /// Rows found anywhere in the file; removed ones may be among them.
    Scan,
}

/// What was read out of a damaged archive.
pub(crate) struct Salvaged {
    file: Patient,
    image_offset: u64,
    pub(crate) found: Found,
    pub(crate) basis: Basis,
    /// The length of its journal.
    pub(crate) journal_bytes: u64,
}

impl Salvaged {
    /// Reads the file at `path`, which is opened for reading only and not locked. `progress` is
    /// told how many bytes have been read of about how many.
    pub(crate) fn read(
        path: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, StoreError> {
        let file = storage_of(open_regular(path, true)?, path);
        let file = file.map_err(|err| named(path, &err))?;
        Self::of(Patient::new(file), path, progress)
    }

    fn of(
        file: Patient,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self, StoreError> {
        let file_len = file.len().map_err(|err| named(path, &err))?;
        let archive = Archive::locate(&file, file_len, path)?;
        let (found, basis) = archive.read(progress);
        let image_offset = archive.image_offset;
        // What is locked would pass for lost.
        file.must_have_been_readable()
            .map_err(|waited| StoreError::Busy {
                path: path.to_owned(),
                holder: None,
                waited,
            })?;
        Ok(Self {
            file,
            image_offset,
            found,
            basis,
            journal_bytes: image_offset - JOURNAL_OFFSET,
        })
    }

    /// The bytes of all rows that hold entries.
    pub(crate) fn row_bytes(&self) -> u64 {
        let logs = self.found.segments.values();
        let logs = logs.flat_map(|segment| [&segment.log, &segment.traces]);
        let runs = logs.flat_map(|log| log.runs.values());
        runs.map(|run| match &run.source {
            Source::Rows { rows, .. } => rows.iter().map(RowAt::len).sum(),
            Source::Memory(run) => run.entries().payload().len() as u64,
        })
        .sum()
    }

    /// The entries of a run, read again and verified again.
    pub(crate) fn run(&self, log: &LogId, first: u64, at: &RunAt) -> Result<Run, String> {
        let mut run = match &at.source {
            Source::Memory(run) => Run::clone(run),
            Source::Rows { rows, segment, .. } => {
                let rows: Result<Vec<_>, _> = rows.iter().map(|row| self.row(row)).collect();
                let rows = rows?;
                let segment = *segment;
                let row = RunRow::parse(rows.first().ok_or("it has no rows")?)?;
                if row.log != (LogId { segment, ..*log }) {
                    return Err("its row changed while it was read".to_owned());
                }
                let skeleton = values::skeleton(&rows)?;
                let read: ReadRow<'_> = &|row| self.row(row);
                let values = self.found.values.fetch(skeleton.names(), read);
                skeleton.around(first, &values)?
            }
        };
        let range = first..first + at.count;
        run.limit(&range);
        if (run.first()..run.end()) != range {
            return Err("its row changed while it was read".to_owned());
        }
        Ok(run)
    }
}

impl Salvaged {
    fn row(&self, at: &RowAt) -> Result<Vec<u8>, String> {
        match at {
            RowAt::Memory(row) => Ok(row.to_vec()),
            RowAt::Image(start, len) => {
                let mut row = vec![0; usize::try_from(*len).map_err(|err| err.to_string())?];
                let read = self.file.read(self.image_offset + start, &mut row);
                read.map_err(|err| err.to_string())?;
                Ok(row)
            }
        }
    }
}

/// The parts of a file that is, or was, an archive.
struct Archive<'f> {
    file: &'f dyn StorageBackend,
    file_len: u64,
    superblock: Option<Superblock>,
    image_offset: u64,
}

/// One state, and how far it reaches.
struct Candidate {
    found: Found,
    /// `None` if it is not known how much of the journal is in the tables.
    reach: Option<Reach>,
}

impl Candidate {
    fn losses(&self) -> usize {
        self.found.lost.len()
    }

    fn changes(&self) -> Option<u64> {
        self.reach.map(|reach| reach.changes)
    }

    /// Whether this older state, with what the journal adds to it, is to be taken rather than the
    /// newest: it reaches further, or as far with less that is lost.
    fn is_better_than(&self, newest: &Self) -> bool {
        if self.reach == newest.reach {
            return self.reach.is_some() && self.losses() < newest.losses();
        }
        self.changes() > newest.changes() && newest.reach.is_some() && self.losses() == 0
    }
}

impl<'f> Archive<'f> {
    /// Finds the parts by the superblock or, should that be damaged, by where a database begins.
    fn locate(
        file: &'f dyn StorageBackend,
        file_len: u64,
        path: &Path,
    ) -> Result<Self, StoreError> {
        let superblock = match Superblock::read_first(file, file_len, path) {
            Ok(superblock) => Some(superblock),
            Err(
                err @ (StoreError::UnsupportedVersion { .. }
                | StoreError::UnsupportedFeature { .. }
                | StoreError::Busy { .. }
                | StoreError::Io(_)),
            ) => {
                return Err(err);
            }
            Err(_) => None,
        };
        let guessed = || guess_image_offset(file, file_len);
        let image_offset = superblock.map(|superblock| superblock.image_offset());
        let image_offset = image_offset.or_else(guessed);
        let image_offset = image_offset.ok_or_else(|| StoreError::NotAnArchive {
            path: path.to_owned(),
            reason: "it has neither the first page of one nor a database where one could be"
                .to_owned(),
        })?;
        Ok(Self {
            file,
            file_len,
            superblock,
            image_offset,
        })
    }

    fn read(&self, progress: &mut dyn FnMut(u64, u64)) -> (Found, Basis) {
        let mut image = Image::new(self.file, self.image_offset, self.file_len);
        let slots = slots(&image);
        image.geometry = geometry(&image, &slots);
        let mut done = 0;
        let mut on_page = |bytes| {
            done += bytes;
            progress(done, image.len().max(done));
        };
        let mut states = slots.iter().map(|slot| {
            let link = slot.tables.map(|root| root.link);
            self.state(&image, link, &mut on_page)
        });
        let newest = states.next();
        let older = states.next();
        drop(states);
        let (mut found, basis) = self.choose(&image, newest, older);
        if self.superblock.is_none() {
            found
                .remarks
                .push("superblock: damaged; it was done without".to_owned());
        }
        (found, basis)
    }

    fn choose(
        &self,
        image: &Image<'_>,
        newest: Option<Candidate>,
        older: Option<Candidate>,
    ) -> (Found, Basis) {
        match (newest, older) {
            (Some(newest), Some(older)) if older.is_better_than(&newest) => {
                let same = older.reach == newest.reach;
                let basis = if same {
                    Basis::Newest
                } else {
                    Self::age(image, &older)
                };
                (older.found, basis)
            }
            (Some(newest), Some(_)) if newest.reach.is_some() => (newest.found, Basis::Newest),
            // Of the commit that is not to be read nobody knows whether it was the newer.
            (Some(only), None) if only.reach.is_some() => {
                let basis = Self::age(image, &only);
                (only.found, basis)
            }
            (newest, older) => {
                let older = older.filter(|older| older.reach.is_some());
                let searched = || {
                    self.searched_root(image)
                        .filter(|state| state.losses() == 0)
                };
                let older = older.or_else(searched);
                self.without_newest(image, newest, older)
            }
        }
    }

    /// A state from what is left where the newest root leads to none that is complete.
    fn without_newest(
        &self,
        image: &Image<'_>,
        newest: Option<Candidate>,
        older: Option<Candidate>,
    ) -> (Found, Basis) {
        // How much of the journal is in the newest tables is not known. If all of it is, they hold
        // what older ones do with the journal on top.
        if let Some(newest) = newest.filter(|newest| newest.found.lacks_only(Table::Meta)) {
            let mut found = newest.found;
            if older.is_some_and(|older| found.agrees_with(&older.found)) {
                found.lost.clear();
                return (found, Basis::Newest);
            }
            found.remarks.push(
                "journal: how much of it is in the tables is not known; it was left out".to_owned(),
            );
            return (found, Basis::Older);
        }
        if let Some(older) = older {
            let basis = Self::age(image, &older);
            return (older.found, basis);
        }
        if let Some(state) = self.journal_alone()
            && state.changes() >= newest_absorbed(image)
        {
            return (state.found, Basis::Journal);
        }
        (scan::scan(image), Basis::Scan)
    }

    /// The state below one root, and what the journal adds to it.
    fn state(
        &self,
        image: &Image<'_>,
        root: Option<Link>,
        on_page: &mut dyn FnMut(u64),
    ) -> Candidate {
        let mut found = tables_below(image, root, on_page);
        let reach = found
            .checkpointed
            .map(|checkpointed| self.replay(&mut found, checkpointed));
        Candidate { found, reach }
    }

    /// Whether a state that was reached by another way than the newest root is the newest.
    fn age(image: &Image<'_>, state: &Candidate) -> Basis {
        let newest = newest_absorbed(image);
        if newest <= state.changes() {
            Basis::Newest
        } else {
            Basis::Older
        }
    }

    /// The state below the newest tree of tables that is anywhere in the image.
    fn searched_root(&self, image: &Image<'_>) -> Option<Candidate> {
        let roots = image
            .pages(Widths::OF_TABLES)
            .filter_map(|(page, checksum)| {
                let tables = tables_of(&page.bytes);
                let (_, meta) = tables.iter().find(|(table, _)| *table == Table::Meta)?;
                let checkpointed = absorbed_below(image, meta.root?.link)?;
                let needed = tables
                    .iter()
                    .filter(|(table, _)| Table::ALL.contains(table));
                (needed.count() == Table::ALL.len()).then_some((checkpointed.frames, checksum))
            });
        let (_, checksum) = roots.max_by_key(|(frames, _)| *frames)?;
        let link = Some(Link::to_anywhere(checksum));
        Some(self.state(image, link, &mut |_| {}))
    }

    /// What the journal holds, if it goes back to the first change.
    fn journal_alone(&self) -> Option<Candidate> {
        let mut found = Found::default();
        let reach = self.replay(&mut found, Checkpointed::none(&self.superblock?));
        let reach = Some(reach).filter(|reach| reach.changes > 0)?;
        Some(Candidate {
            found,
            reach: Some(reach),
        })
    }

    fn replay(&self, found: &mut Found, checkpointed: Checkpointed) -> Reach {
        let journal_bytes = self.image_offset - JOURNAL_OFFSET;
        frames::replay(self.file, journal_bytes, checkpointed, found)
    }
}

/// The commits that the header tells of, the one first that a reader would see.
fn slots(image: &Image<'_>) -> Vec<Slot> {
    let header = image.header();
    let published = Header::parse(&header).ok();
    let published = published.map(|header| header.published().clone());
    let published = published
        .filter(|slot| slot.sound)
        .map(|slot| slot.transaction);
    let mut slots = Header::sound_slots(&header);
    slots.sort_by_key(|slot| {
        let is_published = Some(slot.transaction) == published;
        std::cmp::Reverse((is_published, slot.transaction))
    });
    slots
}

/// Where pages are: as the header says if a root is there, else as in every image.
fn geometry(image: &Image<'_>, slots: &[Slot]) -> Geometry {
    let Ok(header) = Header::parse(&image.header()) else {
        return Geometry::OF_NEW_IMAGES;
    };
    let mut probe = Image::new_like(image);
    let mut holds = |geometry| {
        probe.geometry = geometry;
        slots
            .iter()
            .filter_map(|slot| slot.tables)
            .any(|root| probe.checksum_at(root.link, Widths::OF_TABLES) == Some(root.link.checksum))
    };
    if holds(header.geometry) || !holds(Geometry::OF_NEW_IMAGES) {
        header.geometry
    } else {
        Geometry::OF_NEW_IMAGES
    }
}

/// The number of changes of the newest state that any page of the image knows of.
fn newest_absorbed(image: &Image<'_>) -> Option<u64> {
    let pages = image.pages(Table::Meta.widths());
    let checkpointed = pages.filter_map(|(page, _)| absorbed_in(&page.bytes));
    checkpointed.map(|checkpointed| checkpointed.frames).max()
}

fn absorbed_below(image: &Image<'_>, link: Link) -> Option<Checkpointed> {
    absorbed_in(&image.sound_page(link, Table::Meta.widths())?.bytes)
}

fn absorbed_in(page: &[u8]) -> Option<Checkpointed> {
    let Ok(Node::Leaf(leaf)) = Node::parse(page, Table::Meta.widths()) else {
        return None;
    };
    leaf.rows()
        .find_map(|(key, value)| match prove(Table::Meta, key, value) {
            Ok(Proved::Checkpointed(checkpointed)) => Some(checkpointed),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use redb::backends::FileBackend;

    use super::*;
    use crate::engine::file::superblock::MIN_JOURNAL_BYTES;
    use crate::engine::open::create::create;

    /// A file whose bytes from an offset on are locked by somebody else for some reads.
    #[derive(Debug)]
    struct Locked {
        file: FileBackend,
        from: u64,
        reads: AtomicU32,
    }

    impl StorageBackend for Locked {
        fn len(&self) -> io::Result<u64> {
            self.file.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            let left = |reads: u32| reads.checked_sub(1);
            let is_locked = offset >= self.from
                && self
                    .reads
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, left)
                    .is_ok();
            if is_locked {
                return Err(io::Error::from_raw_os_error(33));
            }
            self.file.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.file.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.file.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.file.write(offset, data)
        }
    }

    #[test]
    fn what_is_locked_is_waited_for_and_never_taken_for_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sessiondb");
        create(&path, &Superblock::new(MIN_JOURNAL_BYTES)).unwrap();
        let read = |from, reads| {
            let locked = Locked {
                file: FileBackend::new(open_regular(&path, true).unwrap()).unwrap(),
                from,
                reads: AtomicU32::new(reads),
            };
            Salvaged::of(Patient::new(Arc::new(locked)), &path, &mut |_, _| {})
        };
        for from in [0, JOURNAL_OFFSET, JOURNAL_OFFSET + MIN_JOURNAL_BYTES] {
            let salvaged = read(from, 10).unwrap();
            assert_eq!(salvaged.basis, Basis::Newest);
            let Err(refused) = read(from, u32::MAX) else {
                panic!("bytes from {from} on were locked");
            };
            assert!(matches!(refused, StoreError::Busy { .. }), "{refused:?}");
        }
    }
}
