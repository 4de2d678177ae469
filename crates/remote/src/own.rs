//! What an archive notes of a remote: as which writer it is known there, what it put last, and what it has
//! read of others.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sessiondb::{Archive, Durability, SessionId, Snapshot, StoreError};
use uuid::Uuid;

use crate::hash::{HalfSum, Id};
use crate::names::ManifestName;
use crate::remote::Remote;

/// So many manifests that were going to be put, and may still arrive, are remembered.
const MAX_PENDING: usize = 64;

/// As which writer an archive is known at a remote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Own {
    /// The id of the archive that noted this. A copy with another id is another writer.
    archive: Uuid,
    pub(crate) writer: Uuid,
    /// The manifest that it put last.
    pub(crate) last: Option<ManifestName>,
    /// Manifests that it was going to put; whether they were put is not known.
    pub(crate) pending: Vec<ManifestName>,
}

impl Own {
    pub(crate) fn read(archive: &Archive, remote: &Remote) -> Result<Self, StoreError> {
        let id = archive.stats()?.archive_id;
        let noted: Option<Self> = archive.read_note(&key(remote, "writer"))?;
        Ok(noted.filter(|own| own.archive == id).unwrap_or(Self {
            archive: id,
            writer: id,
            last: None,
            pending: Vec::new(),
        }))
    }

    /// Another writer, since this one is used by another copy.
    pub(crate) fn anew(&self) -> Self {
        Self {
            archive: self.archive,
            writer: Uuid::new_v4(),
            last: None,
            pending: Vec::new(),
        }
    }

    pub(crate) fn is_mine(&self, name: &ManifestName) -> bool {
        self.last.as_ref() == Some(name) || self.pending.contains(name)
    }

    /// Notes that a manifest is going to be put. This is on the disk when it returns.
    pub(crate) fn going_to_put(
        &mut self,
        archive: &Archive,
        remote: &Remote,
        name: &ManifestName,
    ) -> Result<(), StoreError> {
        self.pending.push(name.clone());
        let surplus = self.pending.len().saturating_sub(MAX_PENDING);
        self.pending.drain(..surplus);
        self.write(archive, remote)
    }

    /// Notes that it was put. A manifest that was the last and is not the one before it was not seen: it
    /// is still this writer's.
    pub(crate) fn has_put(
        &mut self,
        archive: &Archive,
        remote: &Remote,
        name: ManifestName,
        previous: Option<&ManifestName>,
    ) -> Result<(), StoreError> {
        self.pending.retain(|pending| *pending != name);
        let unseen = self.last.take().filter(|last| Some(last) != previous);
        self.pending.extend(unseen);
        self.last = Some(name);
        self.write(archive, remote)
    }

    fn write(&self, archive: &Archive, remote: &Remote) -> Result<(), StoreError> {
        let mut batch = archive.batch().with_durability(Durability::Synced);
        batch.write_note(&key(remote, "writer"), self)?;
        batch.commit()
    }
}

/// The key of what is noted of a remote.
pub(crate) fn key(remote: &Remote, of: &str) -> String {
    let id = Id::of(remote.name().as_bytes());
    format!("sessiondb/remote/{id}/{of}")
}

/// The key of the note on which tips of a writer were read.
pub(crate) fn key_of_read(remote: &Remote, writer: Uuid) -> String {
    key(remote, &format!("read/{writer}"))
}

/// The key of the note on which writer a session came from.
pub(crate) fn key_of_source(remote: &Remote, session: SessionId) -> String {
    key(remote, &format!("from/{session}"))
}

/// The key of the note that something was taken away here as others have it.
pub(crate) fn key_of_seen(mark: &str, json: &str) -> String {
    let id = HalfSum::of(format!("{mark}\n{json}").as_bytes());
    format!("sessiondb/remote/seen/{id}")
}

/// A note that may be of another form, and then says nothing.
pub(crate) fn note<T: DeserializeOwned>(
    snapshot: &Snapshot,
    key: &str,
) -> Result<Option<T>, StoreError> {
    match snapshot.read_note(key) {
        Err(StoreError::Serde(_)) => Ok(None),
        note => note,
    }
}
