//! Sessions by the strings by which an SDK names them: which id they have, and whether what is kept under that
//! id is theirs.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessiondb::{Batch, SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::by_name;
use sessiondb_logs::LogNote;

use crate::error::SdkError;
use crate::ids::{Protocol, scope_prefix, session_id};

/// A session as an SDK names it: what the note `session/{session}/sdk` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) protocol: String,
    /// The project; empty where a protocol has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) scope: String,
    pub(crate) id: String,
}

impl Identity {
    /// In words.
    fn words(&self) -> String {
        match &*self.scope {
            "" => format!("session {:?} of {}", self.id, self.protocol),
            scope => format!(
                "session {:?} of {}, project {scope:?}",
                self.id, self.protocol
            ),
        }
    }
}

/// A session by its strings.
#[derive(Debug, Clone)]
pub(crate) struct Named {
    pub(crate) session: SessionId,
    pub(crate) identity: Identity,
}

/// A note as it was read: what a change of it rests on.
pub(crate) type Seen = Option<Box<RawValue>>;

impl Named {
    pub(crate) fn new(protocol: Protocol, scope: &str, id: &str) -> Self {
        Self {
            session: session_id(protocol, scope, id),
            identity: Identity {
                protocol: protocol.name().to_owned(),
                scope: scope.to_owned(),
                id: id.to_owned(),
            },
        }
    }

    pub(crate) fn key(&self) -> String {
        format!("session/{}/sdk", self.session)
    }

    /// The key of what is kept of a segment.
    pub(crate) fn segment_key(&self, segment: SegmentId) -> String {
        format!("session/{}/sdk/{segment}", self.session)
    }

    /// The note that says whose the session is, which must be this one; `None` if there is none.
    pub(crate) fn seen(&self, now: &Snapshot) -> Result<Seen, SdkError> {
        let key = self.key();
        let seen: Seen = now.read_note(&key)?;
        if let Some(note) = &seen {
            let found: Identity = parsed(&key, note)?;
            if found != self.identity {
                return Err(SdkError::Collision {
                    session: self.session,
                    wanted: self.identity.words(),
                    found: found.words(),
                });
            }
        }
        Ok(seen)
    }

    /// Adds: the session is as it was seen, and says whose it is.
    pub(crate) fn claim(&self, batch: &mut Batch, seen: &Seen) -> Result<(), StoreError> {
        batch.expect_note(&self.key(), seen.as_deref())?;
        if seen.is_none() {
            batch.write_note(&self.key(), &self.identity)?;
        }
        Ok(())
    }

    /// Adds what lists and readers know a log by: whose it is, and where its agent would have it.
    pub(crate) fn describe(
        &self,
        batch: &mut Batch,
        segment: SegmentId,
        path: String,
        subagent: Option<String>,
    ) -> Result<(), StoreError> {
        let mut note = LogNote::default();
        note.agent.clone_from(&self.identity.protocol);
        note.path = path;
        note.subagent = subagent;
        let key = format!("session/{}/log/{segment}", self.session);
        batch.write_note(&key, &note).map(drop)
    }

    /// Adds: nothing is known of a segment any more.
    pub(crate) fn forget(&self, batch: &mut Batch, segment: SegmentId) {
        batch.delete_note(&self.segment_key(segment));
        batch.delete_note(&format!("session/{}/log/{segment}", self.session));
    }

    /// The agent's id of the subagent whose log lies at that path.
    pub(crate) fn subagent_at(&self, path: &str) -> Option<String> {
        let agent = by_name(&self.identity.protocol)?;
        agent.subagent_in_path(path).map(|subagent| subagent.id)
    }
}

/// The sessions of a scope, in the order of their ids: a read of their notes, and not of others'.
pub(crate) fn sessions_of(
    now: &Snapshot,
    protocol: Protocol,
    scope: &str,
) -> Result<Vec<Named>, SdkError> {
    let prefix = format!("session/{}", scope_prefix(protocol, scope));
    let mut sessions = Vec::new();
    for key in now.notes(&prefix)? {
        let id = key
            .strip_prefix("session/")
            .and_then(|rest| rest.strip_suffix("/sdk"));
        let Some(session) = id.and_then(|id| SessionId::try_parse(id).ok()) else {
            continue;
        };
        let Some(note) = now.read_note::<Box<RawValue>>(&key)? else {
            continue;
        };
        let identity: Identity = parsed(&key, &note)?;
        if identity.protocol == protocol.name() && identity.scope == scope {
            sessions.push(Named { session, identity });
        }
    }
    Ok(sessions)
}

/// What a note says.
pub(crate) fn parsed<T: DeserializeOwned>(key: &str, note: &RawValue) -> Result<T, SdkError> {
    serde_json::from_str(note.get()).map_err(|err| SdkError::Unreadable {
        key: key.to_owned(),
        reason: err.to_string(),
    })
}
