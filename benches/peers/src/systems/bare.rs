//! The physical floor of a synced append: one write and one fdatasync into a region of a file that
//! was written before, so that neither its size nor its blocks change.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Appender, System};
use crate::Result;
use crate::entries::ENTRY_BYTES;

/// More than any workload appends: after that it is an error.
const REGION_BYTES: u64 = 64 << 20;

/// It knows one size of entry and, as a single file, one segment.
pub(super) struct Bare {
    file: Arc<File>,
    written: Arc<AtomicU64>,
}

impl Bare {
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(dir.join("region"))?;
        let zeros = vec![0; 1 << 20];
        for start in (0..REGION_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, start)?;
        }
        file.sync_all()?;
        Ok(Self {
            file: Arc::new(file),
            written: Arc::default(),
        })
    }
}

impl System for Bare {
    fn appender(&self, _segment: u64) -> Result<Box<dyn Appender>> {
        Ok(Box::new(RegionAppender {
            file: Arc::clone(&self.file),
            written: Arc::clone(&self.written),
        }))
    }

    fn append_many(&self, segment: u64, entries: &[Vec<u8>]) -> Result<()> {
        let mut appender = self.appender(segment)?;
        entries.iter().try_for_each(|entry| appender.append(entry))
    }

    fn count(&self, _segment: u64) -> Result<u64> {
        Ok(self.written.load(Ordering::Acquire))
    }

    fn last(&self, segment: u64) -> Result<Vec<u8>> {
        let index = self.count(segment)?.checked_sub(1).ok_or("it is empty")?;
        let mut entry = vec![0; ENTRY_BYTES];
        self.file
            .read_exact_at(&mut entry, index * ENTRY_BYTES as u64)?;
        Ok(entry)
    }

    fn read(&self, segment: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut entry = vec![0; ENTRY_BYTES];
        for index in 0..self.count(segment)? {
            self.file
                .read_exact_at(&mut entry, index * ENTRY_BYTES as u64)?;
            each(&entry)?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(())
    }
}

struct RegionAppender {
    file: Arc<File>,
    written: Arc<AtomicU64>,
}

impl Appender for RegionAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        let start = self.written.load(Ordering::Relaxed) * ENTRY_BYTES as u64;
        if entry.len() != ENTRY_BYTES || start + entry.len() as u64 > REGION_BYTES {
            return Err("the bare region takes entries of one size, and is full".into());
        }
        self.file.write_all_at(entry, start)?;
        self.file.sync_data()?;
        self.written.fetch_add(1, Ordering::Release);
        Ok(())
    }
}
