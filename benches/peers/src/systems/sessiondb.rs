//! An archive of sessiondb: one session, one segment for each writer.

use std::path::Path;

use sessiondb::{Archive, Durability, Log, Sharing, StoreError};

use super::{Appender, System};
use crate::Result;
use crate::entries::{segment_id, session_id};

pub(super) struct Sessiondb {
    archive: Archive,
}

impl Sessiondb {
    pub(super) fn open(dir: &Path, durability: Durability, sharing: Sharing) -> Result<Self> {
        let archive = Archive::options()
            .durability(durability)
            .sharing(sharing)
            .open(dir.join("archive.sessiondb"))?;
        Ok(Self { archive })
    }

    fn log(&self, segment: u64) -> Log {
        self.archive.log(session_id(), segment_id(segment))
    }
}

impl System for Sessiondb {
    fn appender(&self, segment: u64) -> Result<Box<dyn Appender>> {
        Ok(Box::new(LogAppender(self.log(segment))))
    }

    fn append_many(&self, segment: u64, entries: &[Vec<u8>]) -> Result<()> {
        self.log(segment).append_many_raw(entries)?;
        Ok(())
    }

    fn count(&self, segment: u64) -> Result<u64> {
        match self.log(segment).len() {
            Err(StoreError::NotFound(_)) => Ok(0),
            len => Ok(len?),
        }
    }

    fn last(&self, segment: u64) -> Result<Vec<u8>> {
        let entry = self.log(segment).last_raw(1)?.next();
        Ok(entry.ok_or("the segment is empty")??.to_vec())
    }

    fn read(&self, segment: u64, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        self.log(segment)
            .read_raw(..)?
            .try_for_each(|entry| each(&entry?))
    }

    fn close(self: Box<Self>) -> Result<()> {
        Ok(self.archive.close()?)
    }
}

struct LogAppender(Log);

impl Appender for LogAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        self.0.append_raw(entry)?;
        Ok(())
    }
}
