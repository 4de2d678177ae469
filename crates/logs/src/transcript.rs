//! A segment for a reader: whose log it is, and its entries as [`Item`]s.

use std::ops::{ControlFlow, Range};

use sessiondb::{SegmentId, SegmentInfo, SessionId, Snapshot, StoreError};
use sessiondb_agents::{Agent, Item, Probe, by_name, recognise};

use crate::notes;
use crate::shorten::each_short;

/// How much of a log is shown to those who are asked whose it is.
const HEAD_BYTES: usize = 64 << 10;

/// A segment for a reader.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_agents::ItemKind;
/// use sessiondb_logs::Transcript;
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append(&serde_json::json!({
///     "kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why?"}]
/// }))?;
/// let transcript = Transcript::read(&archive.snapshot()?, log.session_id(), log.segment_id())?;
/// assert_eq!(transcript.agent.unwrap().name(), "yoi");
/// assert_eq!(transcript.items[0].kind, ItemKind::Prompt { text: "Why?".into() });
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Transcript {
    /// Who wrote the log; `None` if no agent that is known did.
    pub agent: Option<&'static dyn Agent>,
    /// What the entries are for a reader, in their order. Those that are no longer part of the
    /// conversation are hidden.
    pub items: Vec<Item>,
    /// How many entries the log has.
    pub entries: u64,
}

impl Transcript {
    /// Reads a whole segment. Each entry of a log of no known agent is an [`ItemKind::Raw`](sessiondb_agents::ItemKind::Raw).
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn read(
        now: &Snapshot,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Self, StoreError> {
        let agent = agent_of(now, session, segment)?;
        let log = now.log(session, segment);
        let mut items = Vec::new();
        let entries = read_items(&log, agent, 0..u64::MAX, &mut items)?;
        if let Some(agent) = agent {
            agent.settle(&mut items);
        }
        Ok(Self {
            agent,
            items,
            entries,
        })
    }
}

/// Appends what the entries of a log with these numbers are for a reader, each by itself: nothing is hidden
/// for what stands elsewhere in the log, as [`Transcript::read`] does. Returns how many entries there were.
///
/// # Errors
///
/// Those of a read.
pub fn read_items(
    log: &sessiondb::archive::LogSnapshot,
    agent: Option<&'static dyn Agent>,
    numbers: Range<u64>,
    items: &mut Vec<Item>,
) -> Result<u64, StoreError> {
    let mut number = numbers.start;
    for entry in log.read(numbers)? {
        let entry = entry?;
        match agent {
            Some(agent) => agent.items(entry.as_str().as_bytes(), number, items),
            None => items.push(Item::raw(number)),
        }
        number += 1;
    }
    Ok(number)
}

/// Who wrote the log of a segment: by what is known since it came in, or by its first entries.
///
/// # Errors
///
/// Those of a read.
pub fn agent_of(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<Option<&'static dyn Agent>, StoreError> {
    if let Some(note) = notes::read_log(now, session, segment)?
        && let Some(agent) = by_name(&note.agent)
    {
        return Ok(Some(agent));
    }
    recognised(now, session, segment)
}

/// The agent's own id of the subagent whose log a segment is; `None` if it is no subagent's.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append("hello")?;
/// let now = archive.snapshot()?;
/// assert_eq!(sessiondb_logs::subagent_of(&now, log.session_id(), log.segment_id())?, None);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of a read.
pub fn subagent_of(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<Option<String>, StoreError> {
    notes::subagent_of_log(now, session, segment)
}

/// Whose log it is that came in entry by entry.
pub(crate) fn recognised(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<Option<&'static dyn Agent>, StoreError> {
    let mut head = Vec::new();
    each_short(now.log(session, segment).read(..)?, |entry| {
        head.extend_from_slice(entry);
        head.push(b'\n');
        if head.len() >= HEAD_BYTES {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(recognise(&Probe {
        path: "",
        head: &head,
    }))
}

/// The segment of a session that a reader means who names none: the one that its summary is of, or one
/// that was used since, or else the one that was written to last. `None` if none has an entry.
///
/// # Errors
///
/// Those of a read.
pub fn main_segment(now: &Snapshot, session: SessionId) -> Result<Option<SegmentInfo>, StoreError> {
    let stored = notes::read_summary(now, session)?;
    let known = stored.as_ref().and_then(notes::segment_of);
    if let Some(main) = crate::summaries::main_segment(now, session, known)? {
        return Ok(Some(main));
    }
    let mut last: Option<SegmentInfo> = None;
    for segment in now.segments(session) {
        let segment = segment?;
        let is_later = |last: &SegmentInfo| segment.updated_ms > last.updated_ms;
        if segment.entries > 0 && last.as_ref().is_none_or(is_later) {
            last = Some(segment);
        }
    }
    Ok(last)
}
