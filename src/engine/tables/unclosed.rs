//! Shows redb an image that is only read as if its last writer had closed it. A reader needs nothing
//! of what a repair puts in order, and a repair would be a write.
//!
//! What a writer that died leaves in disorder is the flag that says so, the length that the header
//! tells, which pages are free, and whether the header was on the disk when it told of its last
//! commit. That commit is whole: it is put on the disk before the header tells of it; the pages of
//! the one before may be used again. While somebody may write, the one before is shown, as it is to them.
//! Nothing of this is remembered: whoever writes later finds the file as it was left, and the next read
//! of the header shows what it made of it.

use std::io;
use std::ops::Bound;
use std::sync::Arc;

use redb::{BackendError, StorageBackend};

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::system;
use crate::engine::file::ArchiveFile;
use crate::engine::file::locks::{REDB_CONSISTENT, forward_locks};
use crate::engine::redb_format::page::{Geometry, HEADER_LEN, Header, PAGE_LEN};
use crate::engine::tables::backend::ImageBackend;

/// Where the header has its flags, and what they say.
const FLAGS: usize = 9;
const RECOVERY_REQUIRED: u8 = 2;
const TWO_PHASE: u8 = 4;
const PRIMARY_UNFLUSHED: u8 = 8;
/// Where it has the number of whole regions, and that of the pages behind them.
const REGIONS: usize = 24;

/// The image of an archive that is only read.
#[derive(Debug)]
pub(crate) struct Unclosed {
    image: ImageBackend,
}

impl Unclosed {
    pub(crate) fn new(image: ImageBackend) -> Self {
        let shared = image.is_shared();
        let of_file = |file, header_at| -> Arc<dyn StorageBackend> {
            Arc::new(LastCommit {
                file,
                header_at,
                shared,
            })
        };
        let image = image.of_file(of_file);
        Self { image }
    }

    /// Shows redb the header of an image that was closed. Below, pages are verified against one
    /// that was not, in which a commit that was never finished is no damage.
    fn put_in_order(&self, header: &mut [u8]) -> io::Result<()> {
        let Some(closed) = closed(header, self.image.len()?) else {
            return Ok(());
        };
        if seeded(Bug::MendWhenReading) {
            self.image.write(0, &closed)?;
        }
        header.copy_from_slice(&closed);
        Ok(())
    }
}

/// The header of an image of this length as a writer would have left it that closed it. `None` if
/// it was closed, or there is no telling how: then redb says so. With power the word that the image
/// is open may be lost, and not the length that it was given then.
fn closed(header: &[u8], image_len: u64) -> Option<Vec<u8>> {
    let parsed = Header::parse(header).ok()?;
    let two_phase = *header.get(FLAGS)? & TWO_PHASE != 0;
    if !two_phase || parsed.geometry != Geometry::OF_NEW_IMAGES {
        return None;
    }
    let pages = (image_len / PAGE_LEN).checked_sub(1)?;
    let counts = Geometry::OF_NEW_IMAGES.regions_of(pages)?;
    if !parsed.recovery_required && counts_of(header)? >= counts {
        return None;
    }
    let mut closed = header.to_vec();
    *closed.get_mut(FLAGS)? &= !RECOVERY_REQUIRED;
    let there = closed.get_mut(REGIONS..REGIONS + 8)?;
    there.copy_from_slice(counts.map(u32::to_le_bytes).as_flattened());
    Some(closed)
}

/// Makes the file end where a page ends, if power loss left it longer than it was and within one: redb
/// opens no other for writing. Whoever calls this has the writer lock; redb itself gives a file no such
/// length.
pub(crate) fn end_on_a_page(file: &ArchiveFile) -> io::Result<()> {
    let len = file.len()?.saturating_sub(file.image_offset());
    let beyond = len % PAGE_LEN;
    if beyond == 0 {
        return Ok(());
    }
    let mut header = [0; HEADER_LEN];
    file.storage().read(file.image_offset(), &mut header)?;
    let counts = Geometry::OF_NEW_IMAGES.regions_of((len / PAGE_LEN).saturating_sub(1));
    if counts.is_none() || counts_of(&header) > counts {
        // It is cut off, which stays as it is.
        return Ok(());
    }
    file.storage()
        .set_len(file.image_offset() + len + PAGE_LEN - beyond)
}

/// The number of whole regions, and that of the pages behind them.
fn counts_of(header: &[u8]) -> Option<[u32; 2]> {
    let (counts, _) = header.get(REGIONS..)?.as_chunks::<4>();
    let counts = counts.first_chunk::<2>()?;
    Some(counts.map(u32::from_le_bytes))
}

/// A file whose image shows its last commit, though the header may not have been on the disk yet
/// when its writer died.
#[derive(Debug)]
struct LastCommit {
    file: Arc<dyn StorageBackend>,
    header_at: u64,
    /// Whether others may have the file open for writing.
    shared: bool,
}

impl LastCommit {
    fn show(&self, header: &mut [u8]) -> io::Result<()> {
        if let Some(flags) = header.get_mut(FLAGS)
            && *flags & RECOVERY_REQUIRED != 0
            && *flags & TWO_PHASE != 0
            && *flags & PRIMARY_UNFLUSHED != 0
            && !seeded(Bug::ReadBeforeLastCommit)
            && !self.is_writable_elsewhere()?
        {
            *flags &= !PRIMARY_UNFLUSHED;
        }
        Ok(())
    }

    /// Whether somebody has the image open who may write. Such a one is shown the commit before until the
    /// mark is gone, and has put away what a crash left by the time at which it holds this byte. Should
    /// that change just now, the reader's next look at the header tells.
    fn is_writable_elsewhere(&self) -> io::Result<bool> {
        if !self.shared || seeded(Bug::ReadUnsynced) {
            return Ok(false);
        }
        let byte = Bound::Included(REDB_CONSISTENT);
        match self.file.query_lock_range(byte, byte) {
            // There is nobody else where nobody can lock anything.
            Err(BackendError::Unsupported) => Ok(false),
            Err(err) => match system::of_lock(err) {
                BackendError::Io(err) => Err(err),
                other => Err(io::Error::other(other.to_string())),
            },
            Ok(held) => Ok(held),
        }
    }
}

fn never() -> io::Error {
    io::Error::other("a write reached an image that is only read")
}

/// What a storage that is only read hands on to the one in its field, and the changes that it refuses.
macro_rules! hand_on {
    ($field:ident) => {
        fn len(&self) -> io::Result<u64> {
            self.$field.len()
        }

        fn set_len(&self, _len: u64) -> io::Result<()> {
            Err(never())
        }

        fn sync_data(&self) -> io::Result<()> {
            Err(never())
        }

        forward_locks!($field);
    };
}

impl StorageBackend for Unclosed {
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.image.read(offset, out)?;
        if offset == 0 && out.len() >= HEADER_LEN {
            self.put_in_order(out)?;
        }
        Ok(())
    }

    fn write(&self, _offset: u64, _data: &[u8]) -> io::Result<()> {
        Err(never())
    }

    hand_on!(image);
}

impl StorageBackend for LastCommit {
    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)?;
        if offset == self.header_at && out.len() >= HEADER_LEN {
            self.show(out)?;
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if seeded(Bug::MendWhenReading) {
            return self.file.write(offset, data);
        }
        Err(never())
    }

    hand_on!(file);
}
