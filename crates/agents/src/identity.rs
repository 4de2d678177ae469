//! Which session a log is.

use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

use crate::text::is_uuid;

/// The ids that are made here are names in this space.
const NAMESPACE: Uuid = uuid!("b2ed204f-a698-4389-b4d9-20dc0a5633ae");

/// Which session a log is, whatever its file is called and wherever it lies.
///
/// ```
/// use sessiondb_agents::{Fold, by_name};
///
/// let mut fold = Fold::new(by_name("claude").unwrap(), "a-copy.jsonl");
/// fold.entry(br#"{"type":"user","sessionId":"0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f"}"#);
/// let identity = fold.identity();
/// assert_eq!(identity.session.unwrap().to_string(), "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f");
/// assert_eq!((identity.segment, identity.parent), (None, None));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The agent's own id of the session; for a subagent's log that of the session that started it,
    /// where that is known.
    pub native_id: Option<String>,
    /// The native id where that is a UUID, else a version 5 UUID of the agent and the native id.
    pub session: Option<Uuid>,
    /// The segment that the log is, where it is not the session's only one: that of a subagent's log
    /// in its parent's session is a version 5 UUID of agent, parent and subagent.
    pub segment: Option<Uuid>,
    /// The subagent whose log this is.
    pub subagent: Option<Subagent>,
    /// The session that this one, which has an id of its own, was forked from or resumes.
    pub parent: Option<Parent>,
}

/// A subagent whose log this is.
///
/// ```
/// use sessiondb_agents::{Fold, by_name};
///
/// let path = "0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f/subagents/agent-a1b2.jsonl";
/// let fold = Fold::new(by_name("claude").unwrap(), path);
/// let subagent = fold.identity().subagent.unwrap();
/// assert_eq!(subagent.id, "a1b2");
/// assert_eq!(subagent.parent.as_deref(), Some("0a1b2c3d-4e5f-4061-8071-2a3b4c5d6e7f"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subagent {
    /// The agent's own id of the subagent.
    pub id: String,
    /// The native id of the session that started it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// The session that another was forked from.
///
/// ```
/// use sessiondb_agents::Parent;
///
/// let parent = Parent { session: "s1".into(), at: None };
/// assert_eq!(parent.session, "s1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its native id.
    pub session: String,
    /// The native id of its last entry that both have, where the log says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
}

/// The id of a session in an archive.
pub(crate) fn session_id(agent: &str, native_id: &str) -> Uuid {
    match Uuid::try_parse(native_id) {
        Ok(id) if is_uuid(native_id) => id,
        _ => Uuid::new_v5(&NAMESPACE, format!("{agent}\0{native_id}").as_bytes()),
    }
}

/// The id of a subagent's segment in an archive.
pub(crate) fn subagent_id(agent: &str, subagent: &Subagent) -> Uuid {
    let parent = subagent.parent.as_deref().unwrap_or_default();
    let name = format!("{agent}\0{parent}\0{}", subagent.id);
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_stay_what_they_are() {
        let native = "0A1B2C3D-4E5F-4061-8071-2A3B4C5D6E7F";
        assert_eq!(
            session_id("claude", native),
            Uuid::try_parse(native).unwrap()
        );
        assert_eq!(
            session_id("claude", "ses_1"),
            uuid!("4032152a-59f5-5083-978b-4b226168b37a")
        );
        assert_ne!(session_id("codex", "ses_1"), session_id("claude", "ses_1"));
    }
}
