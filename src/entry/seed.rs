//! What a segment begins with, also where it goes on from another one. Pure: knows no store.

use crate::entry::config::RequestConfig;
use crate::entry::item::Item;
use crate::entry::replay::SegmentState;
use crate::entry::segment_log::{LogEntry, Origin, SegmentStart};
use crate::entry::wire::Extra;
use crate::ids::{SegmentId, SessionId, now_ms};

/// What a segment begins with.
///
/// ```
/// use sessiondb::segment::Seed;
/// use sessiondb::entry::{Item, Role};
///
/// let seed = Seed {
///     system_prompt: Some("Be brief.".to_owned()),
///     history: vec![Item::message(Role::User, "Where were we?")],
///     ..Seed::default()
/// };
/// assert_eq!(seed.history.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Seed {
    /// The system prompt, if there is one.
    pub system_prompt: Option<String>,
    /// How the model is asked.
    pub config: RequestConfig,
    /// The conversation so far.
    pub history: Vec<Item>,
}

impl From<SegmentState> for Seed {
    fn from(state: SegmentState) -> Self {
        Self {
            system_prompt: state.system_prompt,
            config: state.config,
            history: state.history,
        }
    }
}

impl From<&SegmentState> for Seed {
    fn from(state: &SegmentState) -> Self {
        Self {
            system_prompt: state.system_prompt.clone(),
            config: state.config.clone(),
            history: state.history.clone(),
        }
    }
}

/// The `segment_start` of a segment that continues `state` and was forked from `origin`.
///
/// It carries prompt, config and history. Turn count, usage, extensions and the segments of user
/// input begin anew in the new segment.
///
/// ```
/// use sessiondb::entry::{Extra, Origin, SegmentState};
/// use sessiondb::{new_segment_id, new_session_id, segment};
/// use sessiondb::entry::collect_state;
///
/// let state = SegmentState::default();
/// let origin = Origin { segment_id: new_segment_id(), at_turn_index: 3, extra: Extra::new() };
/// let entry = segment::fork_entry(new_session_id(), &state, origin.clone());
/// assert_eq!(collect_state([entry]).forked_from, Some(origin));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
pub fn fork_entry(session_id: SessionId, state: &SegmentState, origin: Origin) -> LogEntry {
    let mut start = start_entry(session_id, Seed::from(state));
    start.forked_from = Some(origin);
    LogEntry::SegmentStart(start)
}

/// The `segment_start` of a segment without an origin.
pub(crate) fn start_entry(session_id: SessionId, seed: Seed) -> SegmentStart {
    SegmentStart {
        ts: now_ms(),
        session_id,
        system_prompt: seed.system_prompt.into(),
        config: seed.config,
        history: seed.history,
        forked_from: None,
        compacted_from: None,
        extra: Extra::new(),
    }
}

/// A segment as the origin of another, at the end of one of its turns.
pub(crate) fn origin_at(segment_id: SegmentId, at_turn_index: u64) -> Origin {
    Origin {
        segment_id,
        at_turn_index,
        extra: Extra::new(),
    }
}

/// The number of entries up to the end of a turn, the last if several ends have that number.
pub(crate) fn len_at_turn_end(entries: &[LogEntry], turn: u64) -> Option<usize> {
    let is_last = |entry: &LogEntry| match (turn, entry) {
        (0, entry) => matches!(entry, LogEntry::SegmentStart(_)),
        (_, LogEntry::TurnEnd(end)) => end.turn_count == turn,
        _ => false,
    };
    match entries.iter().rposition(is_last) {
        Some(index) => Some(index + 1),
        None => (turn == 0).then_some(0),
    }
}

pub(crate) fn last_turn(entries: &[LogEntry]) -> u64 {
    let turns = entries.iter().rev().find_map(|entry| match entry {
        LogEntry::TurnEnd(end) => Some(end.turn_count),
        _ => None,
    });
    turns.unwrap_or(0)
}
