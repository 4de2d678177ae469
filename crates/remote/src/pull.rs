//! Pull: merges what others have put.

use std::collections::{BTreeSet, HashSet};

use futures_util::{StreamExt, stream};
use serde::Serialize;
use sessiondb::portable::Merge;
use sessiondb::{Archive, SessionId, Snapshot, StoreError};
use uuid::Uuid;

use crate::bring::{Bringing, Brought};
use crate::build::{self, TOGETHER_BYTES};
use crate::error::RemoteError;
use crate::manifest::State;
use crate::marks;
use crate::names::ManifestName;
use crate::own::{self, Own};
use crate::record::{self, Json, NAME, Records, SessionRecord};
use crate::remote::Remote;
use crate::tips::{Chains, Tip};
use crate::write::Tell;

/// The states of so many writers are read at once.
const AT_ONCE: usize = 8;
/// So often a pull begins again since what it was reading has been deleted.
const ATTEMPTS: u32 = 5;

/// What a pull brings in.
///
/// ```
/// use sessiondb::new_session_id;
/// use sessiondb_remote::PullOptions;
///
/// let one = PullOptions::new().sessions([new_session_id()]);
/// assert_ne!(format!("{one:?}"), format!("{:?}", PullOptions::new()));
/// ```
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    sessions: Option<HashSet<SessionId>>,
}

impl PullOptions {
    /// Everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// These sessions alone. What was forgotten elsewhere is forgotten here in any case.
    #[must_use]
    pub fn sessions(mut self, sessions: impl IntoIterator<Item = SessionId>) -> Self {
        self.sessions = Some(sessions.into_iter().collect());
        self
    }

    fn takes(&self, session: SessionId) -> bool {
        self.sessions
            .as_ref()
            .is_none_or(|sessions| sessions.contains(&session))
    }
}

/// What a pull did.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use sessiondb::Archive;
/// use sessiondb_remote::{PullOptions, Remote, pull};
///
/// let (archive, remote) = (Archive::in_memory()?, Remote::in_memory("example"));
/// let report = pull(&archive, &remote, &PullOptions::new(), None).await?;
/// assert_eq!((report.writers, report.new_entries), (0, 0));
/// # Ok::<(), sessiondb_remote::RemoteError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PullReport {
    /// Writers that have put something since the last pull.
    pub writers: u64,
    /// Sessions that they changed.
    pub sessions: u64,
    /// Entries and traces that are new here, those included that a new branch shares.
    pub new_entries: u64,
    /// Branches for what differs.
    pub branches: u64,
    /// Marks of what was forgotten that are new here.
    pub forgotten: u64,
    /// Entries that were redacted here since they are there.
    pub redacted: u64,
    /// Entries that were erased here since they are there.
    pub erased: u64,
    /// Sessions that were put into the trash here since they are there.
    pub trashed: u64,
    /// Bytes of packs that were read.
    pub received_bytes: u64,
    /// What was not brought in, and why: names and metadata that differ, manifests that are damaged.
    pub notes: Vec<String>,
}

impl PullReport {
    /// Adds what came in of some sessions.
    fn add(&mut self, of: Self) {
        self.new_entries += of.new_entries;
        self.branches += of.branches;
        self.redacted += of.redacted;
        self.erased += of.erased;
        self.trashed += of.trashed;
        self.received_bytes += of.received_bytes;
        self.notes.extend(of.notes);
    }
}

/// Merges what others have put at the remote since the last pull, as [`Merge`] does: prefixes extend, what
/// diverges becomes a branch, nothing is lost. What they forgot, erased, redacted and trashed goes here too. `tell`
/// is told how many sessions are done, and of how many, writer by writer.
///
/// # Errors
///
/// Those of the store and of the archive. What is merged stays, and another pull goes on.
pub async fn pull(
    archive: &Archive,
    remote: &Remote,
    options: &PullOptions,
    tell: Option<Tell<'_>>,
) -> Result<PullReport, RemoteError> {
    let mut nobody = |_, _| {};
    let mut sink = Sink::new(archive, remote, options, tell.unwrap_or(&mut nobody));
    for _ in 0..ATTEMPTS {
        match sink.run().await {
            Err(RemoteError::Missing { .. }) => {}
            done => return done.map(|()| sink.report),
        }
    }
    // What is missing now is missing for good, and is told by its name.
    sink.run().await.map(|()| sink.report)
}

/// An archive into which states are brought.
pub(crate) struct Sink<'p> {
    archive: &'p Archive,
    remote: &'p Remote,
    options: &'p PullOptions,
    tell: Tell<'p>,
    pub(crate) report: PullReport,
}

/// The tips of a writer that are to be read.
struct Writer {
    id: Uuid,
    tips: Vec<Tip>,
    damaged: Vec<String>,
}

impl<'p> Sink<'p> {
    pub(crate) fn new(
        archive: &'p Archive,
        remote: &'p Remote,
        options: &'p PullOptions,
        tell: Tell<'p>,
    ) -> Self {
        Self {
            archive,
            remote,
            options,
            tell,
            report: PullReport::default(),
        }
    }

    async fn run(&mut self) -> Result<(), RemoteError> {
        let chains = Chains::of_all(self.remote).await?;
        let own = Own::read(self.archive, self.remote)?;
        let snapshot = self.archive.snapshot()?;
        let (mut changed, remote) = (Vec::new(), self.remote);
        for writer in chains.writers() {
            let tips = chains.tips(writer);
            let read = self.read_before(&snapshot, writer)?;
            if tips
                .iter()
                .any(|tip| !own.is_mine(tip) && !read.contains(tip))
            {
                changed.push(writer);
            }
        }
        drop(snapshot);
        let reads = changed
            .into_iter()
            .map(|id| read_writer(remote, chains.only(id), id));
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        while let Some(writer) = reads.next().await {
            self.writer(&chains, &own, writer?).await?;
        }
        Ok(())
    }

    /// The tips of a writer that were read by an earlier pull.
    fn read_before(
        &self,
        snapshot: &Snapshot,
        writer: Uuid,
    ) -> Result<BTreeSet<ManifestName>, StoreError> {
        let read = own::note(snapshot, &own::key_of_read(self.remote, writer))?;
        Ok(read.unwrap_or_default())
    }

    async fn writer(
        &mut self,
        chains: &Chains,
        own: &Own,
        writer: Writer,
    ) -> Result<(), RemoteError> {
        let before = self.read_before(&self.archive.snapshot()?, writer.id)?;
        self.report.writers += 1;
        for note in writer.damaged {
            if !self.report.notes.contains(&note) {
                self.report.notes.push(note);
            }
        }
        let mut read = BTreeSet::new();
        for (tip, state) in writer.tips {
            if !own.is_mine(&tip) && !before.contains(&tip) {
                let since = before.iter().filter(|name| chains.leads(name, &tip));
                let since = since.map(|name| name.number).max();
                self.state(writer.id, since, &state).await?;
            }
            read.insert(tip);
        }
        if self.options.sessions.is_none() {
            self.archive
                .write_note(&own::key_of_read(self.remote, writer.id), &read)?;
        }
        Ok(())
    }

    /// Brings in what changed in a state since the manifest with that number.
    pub(crate) async fn state(
        &mut self,
        writer: Uuid,
        since: Option<u64>,
        state: &State,
    ) -> Result<(), RemoteError> {
        self.report.forgotten += marks::apply(self.archive, &state.records)?;
        let mut sessions = Vec::new();
        for session in record::sessions(&state.records) {
            let (id, record) = session?;
            if since.is_none_or(|since| record.changed > since) && self.options.takes(id) {
                sessions.push((id, record));
            }
        }
        let (mut done, all) = (0, sessions.len() as u64);
        let mut brought: Option<Brought> = None;
        for group in groups(&sessions) {
            let here = self.archive.snapshot()?;
            let built = build::build(self.remote, &here, group).await;
            drop(here);
            self.end(brought.take(), &mut done, all)?;
            let bringing = Bringing {
                archive: self.archive.clone(),
                remote: self.remote.clone(),
                writer,
                sessions: group.to_vec(),
                built: built?,
            };
            brought = Some(bringing.begin()?);
        }
        self.end(brought, &mut done, all)?;
        self.report.sessions += all;
        self.names(&state.records)
    }

    /// Waits for the sessions that are brought in, and tells of them.
    fn end(
        &mut self,
        brought: Option<Brought>,
        done: &mut u64,
        all: u64,
    ) -> Result<(), RemoteError> {
        let Some(brought) = brought else {
            return Ok(());
        };
        *done += brought.sessions;
        self.report.add(brought.end()?);
        (self.tell)(*done, all);
        Ok(())
    }

    /// Takes over the names that are not here, of sessions that were not forgotten.
    fn names(&mut self, records: &Records) -> Result<(), RemoteError> {
        if self.options.sessions.is_some() {
            return Ok(());
        }
        let (here, there) = (self.archive.snapshot()?, Archive::in_memory()?);
        let mut batch = there.batch();
        for (name, json) in record::with_prefix(records, NAME) {
            let mine: Option<Json> = here.read_name_as(name)?;
            if mine.is_none_or(|mine| mine.get() != json.get()) {
                batch.write_name(name, json)?;
            }
        }
        batch.commit()?;
        let mut merged = Merge::new(self.archive).run(&there, None)?;
        self.report.notes.append(&mut merged.notes);
        Ok(())
    }
}

async fn read_writer(remote: &Remote, mut chains: Chains, id: Uuid) -> Result<Writer, RemoteError> {
    let mut damaged = Vec::new();
    let mut tell = |error: RemoteError| damaged.push(error.to_string());
    let tips = chains.read_tips(remote, id, &mut tell).await?;
    Ok(Writer { id, tips, damaged })
}

/// Sessions that are brought in together.
fn groups(
    sessions: &[(SessionId, SessionRecord)],
) -> impl Iterator<Item = &[(SessionId, SessionRecord)]> {
    let mut rest = sessions;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = rest.iter().take_while(|(_, record)| {
            bytes += record.all_parts().map(|part| part.bytes).sum::<u64>();
            bytes <= TOGETHER_BYTES
        });
        let len = fits.count().max(1).min(rest.len());
        let (group, behind) = rest.split_at(len);
        rest = behind;
        (!group.is_empty()).then_some(group)
    })
}
