//! What the items of a session alone do not tell.

use crate::exit::Failure;

/// What the items alone do not tell.
pub(crate) trait Beside {
    /// The kind of an entry of no known kind, and what it says in a line.
    fn raw(&self, entry: u64) -> Result<(String, String), Failure>;
    /// The short id of the segment of a subagent, by the agent's own id.
    fn segment_of_subagent(&self, id: &str) -> Option<String>;
}
