//! An archive of sessiondb, as it is by default but for the promise and for who else may open it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::slice;

use sessiondb::entry::SegmentState;
use sessiondb::jsonl::{Export, Import, Outcome};
use sessiondb::{
    Archive, Durability, Log, LogEntry, RawJson, SegmentId, SessionId, Sharing, segment,
};

use super::{Appender, Each, LogId, Promise, System};
use crate::Result;
use crate::logs::Logs;

/// How it is set up.
pub(super) fn settings(promise: Promise, sharing: Sharing) -> &'static str {
    match (promise, sharing) {
        (Promise::Synced, Sharing::Exclusive) => {
            "defaults, one process: Sharing::Exclusive, Durability::Synced; export syncs each file"
        }
        (Promise::Synced, _) => {
            "defaults: Sharing::Shared, Durability::Synced, cache 4 MiB; export syncs each file"
        }
        (Promise::Written, Sharing::Exclusive) => {
            "one process: Sharing::Exclusive, Durability::Written, synced within 50 ms"
        }
        (Promise::Written, _) => {
            "Sharing::Shared, Durability::Written, synced within 50 ms, cache 4 MiB"
        }
    }
}

/// Gives back what was removed, by a fresh copy.
pub(super) fn reclaim(dir: &Path) -> Result<()> {
    let (archive, compacted) = Archive::open(path_in(dir))?.compact(None)?;
    archive.close()?;
    match compacted.in_place_because {
        None if compacted.erased => Ok(()),
        because => Err(format!("the archive was compacted in place: {because:?}").into()),
    }
}

fn path_in(dir: &Path) -> PathBuf {
    dir.join("archive.sessiondb")
}

pub(super) struct Sessiondb {
    archive: Archive,
}

impl Sessiondb {
    pub(super) fn open(dir: &Path, durability: Durability, sharing: Sharing) -> Result<Self> {
        let options = Archive::options().durability(durability).sharing(sharing);
        Ok(Self {
            archive: options.open(path_in(dir))?,
        })
    }

    /// Traces, which are only written by default, have the same promise here.
    fn log(&self, log: LogId) -> Log {
        if log.traces {
            let traces = self.archive.trace(log.session, log.segment);
            traces.with_durability(self.archive.durability())
        } else {
            self.archive.log(log.session, log.segment)
        }
    }
}

impl System for Sessiondb {
    fn appender(&self, log: LogId) -> Result<Box<dyn Appender>> {
        Ok(Box::new(LogAppender(self.log(log))))
    }

    fn append_many(&self, log: LogId, entries: &[Vec<u8>]) -> Result<()> {
        let entries = entries.iter().map(|entry| RawJson::from_bytes(entry));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        self.log(log).append_many(entries)?;
        Ok(())
    }

    fn count(&self, log: LogId) -> Result<u64> {
        Ok(self.log(log).len()?)
    }

    fn read(&self, log: LogId, each: Each<'_>) -> Result<()> {
        let mut entries = self.log(log).read(..)?;
        entries.try_for_each(|entry| each(&entry?))
    }

    fn read_typed(&self, log: LogId, each: &mut dyn FnMut(LogEntry) -> Result<()>) -> Result<()> {
        self.log(log)
            .read(..)?
            .decode::<LogEntry>()
            .try_for_each(|entry| each(entry?))
    }

    fn restore(&self, log: LogId) -> Result<SegmentState> {
        Ok(segment::restore(&self.archive, log.session, log.segment)?)
    }

    fn last(&self, log: LogId, count: u64, each: Each<'_>) -> Result<()> {
        let mut entries = self.log(log).last(count)?;
        entries.try_for_each(|entry| each(&entry?))
    }

    fn sessions(&self, limit: usize) -> Result<Vec<(SessionId, u64)>> {
        let sessions = self.archive.sessions()?.take(limit);
        sessions
            .map(|session| {
                let session = session?;
                Ok((session.id, session.entries))
            })
            .collect()
    }

    fn session_of(&self, segment: SegmentId) -> Result<Option<SessionId>> {
        Ok(self.archive.snapshot()?.session_of(segment)?)
    }

    fn fork(&self, from: LogId, at: u64, to: SegmentId) -> Result<()> {
        let LogId {
            session, segment, ..
        } = from;
        self.archive.log(session, segment).branch(at, to)?;
        Ok(())
    }

    fn truncate(&self, log: LogId, len: u64) -> Result<()> {
        Ok(self.log(log).truncate(len)?)
    }

    fn delete_session(&self, session: SessionId) -> Result<()> {
        if self.archive.delete_session(session)? {
            Ok(())
        } else {
            Err(format!("there is no session {session}").into())
        }
    }

    fn import(&self, logs: &Logs) -> Result<()> {
        let folder = slice::from_ref(&logs.folder);
        let report = Import::new(&self.archive).run(folder, None)?;
        let mut outcomes = report.files.into_iter().map(|file| file.outcome);
        match outcomes.find(|outcome| matches!(outcome, Outcome::Failed(_))) {
            None => Ok(()),
            Some(failed) => Err(format!("a log was not imported: {failed:?}").into()),
        }
    }

    /// Syncs each file, as its export always does.
    fn export(&self, logs: &Logs, out: &Path) -> Result<()> {
        let sessions: BTreeSet<_> = logs.files.iter().map(|file| file.session).collect();
        let export = Export::new(&self.archive).sessions(sessions.into_iter().collect());
        match export.run(out, None)?.failed() {
            0 => Ok(()),
            failed => Err(format!("{failed} logs were not exported").into()),
        }
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.archive.close()?;
        Ok(())
    }
}

struct LogAppender(Log);

impl Appender for LogAppender {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        self.0.append(&RawJson::from_bytes(entry)?)?;
        Ok(())
    }
}
