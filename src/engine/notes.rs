//! The notes page: what live processes tell each other through the file.
//!
//! It is never synced on purpose and nothing depends on it after a crash: what power loss makes
//! of it misleads nobody, since then no process is left that had read it. `docs/format.md` tells
//! how the generation keeps a writer from going on in an epoch that has ended.

use std::io;

use redb::StorageBackend;

use super::row::Reader;
use super::superblock::NOTES_OFFSET;

/// The content of the notes page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    /// The process that wrote last, for those who wait for it.
    pub(crate) pid: u32,
    /// Whether a sync failed since the file was last put in order.
    pub(crate) sync_failed: bool,
    /// Grows whenever an epoch begins, or the tables change otherwise than by folding an epoch
    /// that has ended; odd while that is under way.
    pub(crate) generation: u64,
    /// The epoch that frames are added to.
    pub(crate) epoch: u64,
    /// The open file of that process, by a number that no other has. Whoever finds its own under
    /// the writer lock knows that nobody has written since.
    pub(crate) writer: u64,
}

impl Notes {
    const LEN: usize = 32;

    pub(crate) fn read(file: &dyn StorageBackend) -> io::Result<Self> {
        let mut page = [0; Self::LEN];
        file.read(NOTES_OFFSET, &mut page)?;
        let mut fields = Reader::new(&page);
        let mut read = || -> Result<Self, String> {
            let (pid, flags) = (fields.u32()?, fields.u32()?);
            let (generation, epoch, writer) = (fields.u64()?, fields.u64()?, fields.u64()?);
            Ok(Self {
                pid,
                sync_failed: flags & 1 == 1,
                generation,
                epoch,
                writer,
            })
        };
        read().map_err(io::Error::other)
    }

    pub(crate) fn write(&self, file: &dyn StorageBackend) -> io::Result<()> {
        let mut page = Vec::with_capacity(Self::LEN);
        page.extend_from_slice(&self.pid.to_le_bytes());
        page.extend_from_slice(&u32::from(self.sync_failed).to_le_bytes());
        page.extend_from_slice(&self.generation.to_le_bytes());
        page.extend_from_slice(&self.epoch.to_le_bytes());
        page.extend_from_slice(&self.writer.to_le_bytes());
        file.write(NOTES_OFFSET, &page)
    }

    /// Whether something is under way, or was when its process died.
    pub(crate) fn is_unsettled(&self) -> bool {
        self.generation % 2 == 1
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn notes_read_back() {
        let file = InMemoryBackend::new();
        file.set_len(8192).unwrap();
        assert_eq!(Notes::read(&file).unwrap(), Notes::default());
        let notes = Notes {
            pid: 7,
            sync_failed: true,
            generation: 3,
            epoch: 1 << 40,
            writer: 9,
        };
        notes.write(&file).unwrap();
        assert_eq!(Notes::read(&file).unwrap(), notes);
    }
}
