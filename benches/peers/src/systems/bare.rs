//! The physical floor of an append: one write into a region of a file that was written before, so
//! that neither its length nor its blocks change, and one fdatasync if it is to be synced.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::Result;

const REGION_BYTES: u64 = 64 << 20;

/// A file of 64 MiB that is written to from its beginning to its end, and over again.
pub(crate) struct Region {
    file: File,
    last: u64,
    next: u64,
}

impl Region {
    /// Writes the region into a new file in `dir`, and syncs it.
    pub(crate) fn create(dir: &Path) -> Result<Self> {
        let mut options = OpenOptions::new();
        let path = dir.join("region");
        let file = options.read(true).write(true).create_new(true).open(path)?;
        // Not zeros, which a file system may store as a hole.
        let block = vec![b'.'; 1 << 20];
        for start in (0..REGION_BYTES).step_by(block.len()) {
            file.write_all_at(&block, start)?;
        }
        file.sync_all()?;
        Ok(Self {
            file,
            last: 0,
            next: 0,
        })
    }

    /// Writes the entry behind the last one, or at the beginning if it does not fit there.
    pub(crate) fn append(&mut self, entry: &[u8]) -> Result<()> {
        let len = entry.len() as u64;
        if self.next + len > REGION_BYTES {
            self.next = 0;
        }
        self.file.write_all_at(entry, self.next)?;
        self.last = self.next;
        self.next += len;
        Ok(())
    }

    /// The same, and the entry is on the disk.
    pub(crate) fn append_synced(&mut self, entry: &[u8]) -> Result<()> {
        self.append(entry)?;
        Ok(self.file.sync_data()?)
    }

    /// Reads back what was appended last: it has to be `entry`.
    pub(crate) fn read_back(&self, entry: &[u8]) -> Result<()> {
        let mut found = vec![0; entry.len()];
        self.file.read_exact_at(&mut found, self.last)?;
        if found != entry || self.last + entry.len() as u64 != self.next {
            return Err("the bare region does not hold what was written last".into());
        }
        Ok(())
    }
}
