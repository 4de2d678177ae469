//! Where a writer is.

use crate::ids::{SegmentId, SessionId};

/// Where a writer writes, with its own tally of the entries there.
///
/// ```
/// use sessiondb::segment::Head;
/// use sessiondb::{new_segment_id, new_session_id};
///
/// let head = Head::new(new_session_id(), new_segment_id(), 12);
/// assert_eq!(head.entries, 12);
/// assert!(!head.forked);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The session.
    pub session_id: SessionId,
    /// The segment that the writer appends to.
    pub segment_id: SegmentId,
    /// The number of entries in the segment as far as the writer knows. The functions that save
    /// an entry count it here.
    pub entries: usize,
    /// Whether [`ensure_head_or_fork`](crate::segment::ensure_head_or_fork) found another writer
    /// and made this segment a fresh one.
    pub forked: bool,
}

impl Head {
    /// The head of a segment that holds `entries` entries, such as one that was restored.
    pub fn new(session_id: SessionId, segment_id: SegmentId, entries: usize) -> Self {
        Self {
            session_id,
            segment_id,
            entries,
            forked: false,
        }
    }
}
