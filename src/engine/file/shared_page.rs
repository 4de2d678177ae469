//! The shared page: what live processes tell each other through the file.
//!
//! It is never synced on purpose and nothing depends on it after a crash: what power loss makes
//! of it misleads nobody, since then no process is left that had read it. `docs/format.md` tells
//! how the generation keeps a writer from going on in an epoch that has ended.

use std::io;

use redb::StorageBackend;

use crate::engine::file::process::Signature;
use crate::engine::file::superblock::SHARED_PAGE_OFFSET;
use crate::engine::model::row::Reader;

/// The content of the shared page. Each field is written by itself, since not all that write one
/// hold the writer lock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SharedPage {
    /// How often the file was put in order in place.
    pub(crate) compactions: u32,
    /// The process that wrote last, for those who wait for it.
    pub(crate) holder: Signature,
    /// Whether a sync failed since the file was last put in order.
    pub(crate) sync_failed: bool,
    /// Whether it is not known yet that the name of the file survives power loss.
    pub(crate) name_unsynced: bool,
    /// Grows whenever an epoch begins, or the tables change otherwise than by checkpointing an epoch
    /// that has ended; odd while that is under way.
    pub(crate) generation: u64,
    /// The epoch that frames are added to.
    pub(crate) epoch: u64,
    /// The open file of that process, by a number that no other has. Whoever finds its own under
    /// the writer lock knows that nobody has written since.
    pub(crate) writer: u64,
    /// The checksum of the superblock as it was when that file was opened, by which one archive is told
    /// from another.
    pub(crate) mark: u64,
    /// The process that is writing to the tables, for those who wait for them.
    pub(crate) checkpointer: Signature,
}

impl SharedPage {
    const LEN: usize = 56;

    pub(crate) fn read(file: &dyn StorageBackend) -> io::Result<Self> {
        let mut page = [0; Self::LEN];
        file.read(SHARED_PAGE_OFFSET, &mut page)?;
        let mut fields = Reader::new(&page);
        let mut read = || -> Result<Self, String> {
            let (compactions, flags) = (fields.u32()?, fields.u32()?);
            Ok(Self {
                compactions,
                sync_failed: flags & 1 == 1,
                name_unsynced: flags >> 8 & 1 == 1,
                generation: fields.u64()?,
                epoch: fields.u64()?,
                writer: fields.u64()?,
                mark: fields.u64()?,
                holder: Signature(fields.u64()?),
                checkpointer: Signature(fields.u64()?),
            })
        };
        read().map_err(io::Error::other)
    }

    /// The checksum of the superblock as it stands before the shared page.
    pub(crate) fn mark_before(file: &dyn StorageBackend) -> io::Result<u64> {
        let mut mark = [0; 8];
        file.read(SHARED_PAGE_OFFSET - 8, &mut mark)?;
        Ok(u64::from_le_bytes(mark))
    }

    /// Says that the file was put in order in place once more.
    pub(crate) fn count_compaction(&self, file: &dyn StorageBackend) -> io::Result<()> {
        let compactions = self.compactions.wrapping_add(1);
        file.write(SHARED_PAGE_OFFSET, &compactions.to_le_bytes())
    }

    /// Says which process has the writer lock.
    pub(crate) fn set_holder(file: &dyn StorageBackend, holder: Signature) -> io::Result<()> {
        file.write(SHARED_PAGE_OFFSET + 40, &holder.0.to_le_bytes())
    }

    /// Says whether a sync failed.
    pub(crate) fn set_sync_failed(file: &dyn StorageBackend, failed: bool) -> io::Result<()> {
        file.write(SHARED_PAGE_OFFSET + 4, &[u8::from(failed)])
    }

    /// Says whether the name of the file may be lost with power.
    pub(crate) fn set_name_unsynced(file: &dyn StorageBackend, unsynced: bool) -> io::Result<()> {
        file.write(SHARED_PAGE_OFFSET + 5, &[u8::from(unsynced)])
    }

    /// Says that other processes have to look again, and which epoch is open.
    pub(crate) fn set_generation(
        file: &dyn StorageBackend,
        generation: u64,
        epoch: u64,
    ) -> io::Result<()> {
        write_pair(file, 8, [generation, epoch])
    }

    /// Says which open file wrote last, and to which archive.
    pub(crate) fn set_writer(file: &dyn StorageBackend, writer: u64, mark: u64) -> io::Result<()> {
        write_pair(file, 24, [writer, mark])
    }

    /// Says which process is writing to the tables; nobody, once it is done.
    pub(crate) fn set_checkpointer(
        file: &dyn StorageBackend,
        checkpointer: Signature,
    ) -> io::Result<()> {
        file.write(SHARED_PAGE_OFFSET + 48, &checkpointer.0.to_le_bytes())
    }

    /// Whether something is under way, or was when its process died.
    pub(crate) fn is_updating(&self) -> bool {
        self.generation % 2 == 1
    }
}

fn write_pair(file: &dyn StorageBackend, at: u64, pair: [u64; 2]) -> io::Result<()> {
    let bytes = pair.map(u64::to_le_bytes);
    file.write(SHARED_PAGE_OFFSET + at, bytes.as_flattened())
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn notes_read_back() {
        let file = InMemoryBackend::new();
        file.set_len(8192).unwrap();
        assert_eq!(SharedPage::read(&file).unwrap(), SharedPage::default());
        SharedPage::set_writer(&file, 9, 6).unwrap();
        SharedPage::set_generation(&file, 3, 1 << 40).unwrap();
        SharedPage::set_sync_failed(&file, true).unwrap();
        SharedPage::set_name_unsynced(&file, true).unwrap();
        SharedPage::set_holder(&file, Signature(7)).unwrap();
        SharedPage::set_checkpointer(&file, Signature(5 << 40)).unwrap();
        SharedPage::default().count_compaction(&file).unwrap();
        let shared_page = SharedPage {
            compactions: 1,
            holder: Signature(7),
            sync_failed: true,
            name_unsynced: true,
            generation: 3,
            epoch: 1 << 40,
            writer: 9,
            mark: 6,
            checkpointer: Signature(5 << 40),
        };
        assert_eq!(SharedPage::read(&file).unwrap(), shared_page);
        file.write(SHARED_PAGE_OFFSET - 8, &6_u64.to_le_bytes())
            .unwrap();
        assert_eq!(SharedPage::mark_before(&file).unwrap(), 6);
    }
}
