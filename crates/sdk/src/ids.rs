//! The ids of sessions and segments, made of the strings by which an SDK names them.

use sessiondb::{SegmentId, SessionId};
use sha2::{Digest, Sha256};
use uuid::Builder;

/// The bytes of a session's id that say to which protocol and scope it belongs.
const SCOPE_BYTES: usize = 6;

/// Whose sessions they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Claude,
    OpenAi,
    LangGraph,
}

impl Protocol {
    /// The word in notes and ids, which is that of the agent as well.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::OpenAi => "openai",
            Self::LangGraph => "langgraph",
        }
    }
}

/// The id of a session: it begins with what it shares with all sessions of its scope.
pub(crate) fn session_id(protocol: Protocol, scope: &str, id: &str) -> SessionId {
    let mut bytes = [0; 16];
    let (of_scope, of_session) = bytes.split_at_mut(SCOPE_BYTES);
    fill(of_scope, &["scope", protocol.name(), scope]);
    fill(of_session, &["session", protocol.name(), scope, id]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// What the ids of all sessions of a scope begin with, as text.
pub(crate) fn scope_prefix(protocol: Protocol, scope: &str) -> String {
    let text = session_id(protocol, scope, "").to_string();
    // Twelve digits with a dash among them and one behind; an id has more.
    text.get(..14).unwrap_or_default().to_owned()
}

/// The id of a segment beside the main one, which has the id of its session.
pub(crate) fn segment_id(session: SessionId, name: &str) -> SegmentId {
    let mut bytes = [0; 16];
    fill(&mut bytes, &["segment", &session.to_string(), name]);
    Builder::from_custom_bytes(bytes).into_uuid()
}

/// By what a text is known again among those of one log.
pub(crate) fn fingerprint(text: &[u8]) -> u128 {
    first_bytes(&Sha256::digest(text))
}

fn fill(bytes: &mut [u8], parts: &[&str]) {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length, so that no two lists of parts read the same.
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    for (byte, of_hash) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = of_hash;
    }
}

fn first_bytes(hash: &[u8]) -> u128 {
    let first = hash.iter().take(16);
    first.fold(0, |all, byte| (all << 8) | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_a_scope_begin_alike_and_are_told_apart() {
        let claude = Protocol::Claude;
        let one = session_id(claude, "project", "one");
        let two = session_id(claude, "project", "two");
        let elsewhere = session_id(claude, "projec", "tone");
        assert_eq!(one.get_version_num(), 8);
        let prefix = scope_prefix(claude, "project");
        assert_eq!(prefix.len(), 14);
        assert!(one.to_string().starts_with(&prefix) && two.to_string().starts_with(&prefix));
        assert!(!elsewhere.to_string().starts_with(&prefix));
        assert_ne!(one, two);
        assert_ne!(segment_id(one, "a"), segment_id(two, "a"));
    }

    /// Archives that are there hold these ids: a change would lose what is in them.
    #[test]
    fn ids_stay_what_they_are() {
        let session = session_id(Protocol::Claude, "-src-shop", "s1");
        let segment = segment_id(session, "subagents/agent-1");
        let known = [session, segment].map(|id| id.to_string());
        let first = [
            "068be516-ed1d-8cb7-9c33-cf074942cc94",
            "b2392bd6-f79e-887b-8098-324cab05f4a7",
        ];
        assert_eq!(known, first);
    }
}
