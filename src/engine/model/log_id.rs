//! Which log of which segment, and where a segment came from.

use std::fmt;

use crate::ids::{SegmentId, SessionId};

/// Which of a segment's two logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum LogKind {
    Entries,
    Traces,
}

impl LogKind {
    pub(crate) fn tag(self) -> u8 {
        match self {
            Self::Entries => 1,
            Self::Traces => 2,
        }
    }

    pub(crate) fn from_tag(tag: u8) -> Option<Self> {
        match tag {
            1 => Some(Self::Entries),
            2 => Some(Self::Traces),
            _ => None,
        }
    }
}

/// One log of one segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LogId {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
    pub(crate) kind: LogKind,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let traces = if self.kind == LogKind::Traces {
            ", traces"
        } else {
            ""
        };
        write!(
            f,
            "session {}, segment {}{traces}",
            self.session, self.segment
        )
    }
}

/// Where a segment came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OriginRecord {
    /// 1: forked, 2: compacted.
    pub(crate) kind: u8,
    pub(crate) segment: SegmentId,
    pub(crate) at_turn: u64,
}
