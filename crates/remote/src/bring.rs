//! Sessions that were built come into an archive, on a thread of its own, while the next ones are read and built.

use std::io;
use std::thread::{self, JoinHandle};

use sessiondb::portable::Merge;
use sessiondb::{Archive, SessionId};
use uuid::Uuid;

use crate::build::Built;
use crate::error::RemoteError;
use crate::follow;
use crate::own;
use crate::pull::PullReport;
use crate::record::SessionRecord;
use crate::remote::Remote;

/// Sessions, and where they come in and came from.
pub(crate) struct Bringing {
    pub(crate) archive: Archive,
    pub(crate) remote: Remote,
    pub(crate) writer: Uuid,
    pub(crate) sessions: Vec<(SessionId, SessionRecord)>,
    pub(crate) built: Built,
}

/// The thread. Who drops this waits for it, so nothing writes to the archive after a pull that was given up.
pub(crate) struct Brought {
    /// So many sessions it is about.
    pub(crate) sessions: u64,
    thread: Option<JoinHandle<Result<PullReport, RemoteError>>>,
}

impl Bringing {
    pub(crate) fn begin(self) -> Result<Brought, RemoteError> {
        let sessions = self.sessions.len() as u64;
        let thread = thread::Builder::new().name("sessiondb-pull".to_owned());
        let thread = Some(thread.spawn(move || self.run())?);
        Ok(Brought { sessions, thread })
    }

    fn run(self) -> Result<PullReport, RemoteError> {
        let Self {
            archive,
            remote,
            writer,
            sessions,
            built,
        } = self;
        let mut report = PullReport {
            received_bytes: built.received_bytes,
            ..PullReport::default()
        };
        let merged = Merge::new(&archive).run(&built.archive, None)?;
        let traces = merged.sessions.iter().map(|session| session.traces);
        report.new_entries = merged.new_entries() + traces.sum::<u64>();
        report.branches = merged.branches();
        report.notes = merged.notes;
        let there = built.archive.snapshot()?;
        for (session, record) in &sessions {
            let followed = follow::follow(&archive, &there, *session, record)?;
            report.redacted += followed.redacted;
            report.erased += followed.erased;
            report.trashed += followed.trashed;
        }
        let mut batch = archive.batch();
        for session in &merged.sessions {
            if session.entries + session.traces > 0 {
                batch.write_note(&own::key_of_source(&remote, session.id), &writer)?;
            }
        }
        batch.commit()?;
        Ok(report)
    }
}

impl Brought {
    /// Waits until all is in.
    pub(crate) fn end(mut self) -> Result<PullReport, RemoteError> {
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(done)) => done,
            _ => Err(io::Error::other("the thread that merges what is pulled has ended").into()),
        }
    }
}

impl Drop for Brought {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            // What it says was of a pull that ends with another error.
            let _ = thread.join();
        }
    }
}
