//! By what the SDK names a log, and where that lies.

use sessiondb::SegmentId;

use crate::error::SdkError;
use crate::ids::{Protocol, segment_id};
use crate::named::Named;

/// By what the SDK names a log.
///
/// ```
/// use sessiondb_sdk::ClaudeKey;
///
/// let key = ClaudeKey { subpath: Some("subagents/agent-1"), ..ClaudeKey::main("-src-shop", "s1") };
/// assert_eq!((key.project_key, key.session_id), ("-src-shop", "s1"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaudeKey<'a> {
    /// The project.
    pub project_key: &'a str,
    /// The session.
    pub session_id: &'a str,
    /// The log of a subagent in it; `None` for the main log. Never empty.
    pub subpath: Option<&'a str>,
}

impl<'a> ClaudeKey<'a> {
    /// The main log of a session.
    pub fn main(project_key: &'a str, session_id: &'a str) -> Self {
        Self {
            project_key,
            session_id,
            subpath: None,
        }
    }

    /// The session in the archive, and the segment.
    pub(super) fn place(&self) -> Result<(Named, SegmentId), SdkError> {
        let named = Named::new(Protocol::Claude, self.project_key, self.session_id);
        let segment = match self.subpath {
            None => named.session,
            Some("") => {
                let reason = "it is empty; leave it out for the main log";
                return Err(SdkError::invalid("the subpath of a key", reason));
            }
            Some(subpath) => segment_id(named.session, subpath),
        };
        Ok((named, segment))
    }

    /// The path of the log, as the agent would have it.
    pub(super) fn path(&self) -> String {
        let (project, session) = (self.project_key, self.session_id);
        match self.subpath {
            None => format!("{project}/{session}.jsonl"),
            Some(subpath) => format!("{project}/{session}/{subpath}.jsonl"),
        }
    }
}
