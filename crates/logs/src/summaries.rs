//! The summaries of sessions as they are now: those that are stored, and for entries that came in
//! since, by whatever way, what they add.

use std::ops::ControlFlow;

use serde_json::{Map, Value};
use sessiondb::{Archive, SegmentId, SegmentInfo, SessionId, SessionInfo, Snapshot, StoreError};
use sessiondb_agents::{Agent, Fold, by_name};

use crate::known::{self, Covered, KnownSegment, main_among};
use crate::notes::{self, LogNote, key_of_log};
use crate::shorten::each_short;
use crate::sidecar::SidecarEntry;
use crate::stored::StoredSummary;
use crate::transcript::recognised;
use crate::visit::{fields_of, located, put_summary};

/// What a list shows of a session.
///
/// ```
/// let nothing = sessiondb_logs::Current::default();
/// assert_eq!((nothing.fields, nothing.read_bytes), (None, 0));
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Current {
    /// The fields of a [`Summary`](sessiondb_agents::Summary), with the `segment` that they are of and
    /// the number of its `entries` that they cover; `None` if no agent is known.
    pub fields: Option<Map<String, Value>>,
    /// About how many bytes of entries were read that no stored summary covers.
    pub read_bytes: u64,
}

/// What a list shows of a session now. What was appended since the summary was stored is read, up to
/// `most_bytes` of entries; beyond that, what is stored is given as it is.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_logs::summary;
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.log(session, segment).append(&serde_json::json!({
///     "kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why?"}]
/// }))?;
/// let now = archive.snapshot()?;
/// let info = now.session(session)?.unwrap();
/// let fields = summary(&now, &info, u64::MAX)?.fields.unwrap();
/// assert_eq!((&fields["title"], &fields["entries"]), (&"Why?".into(), &1.into()));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of a read.
pub fn summary(
    now: &Snapshot,
    session: &SessionInfo,
    most_bytes: u64,
) -> Result<Current, StoreError> {
    let stored = notes::read_stored(now, session.id)?;
    let state = if covers_all(now, session, &stored)? {
        None
    } else {
        state(now, session, &stored, most_bytes)?
    };
    Ok(match state {
        Some(state) => Current {
            fields: Some(state.fields()?),
            read_bytes: state.read_bytes,
        },
        None => Current {
            fields: stored.fields(),
            read_bytes: 0,
        },
    })
}

/// The stored summary of a session, for lists of many in which few of the fields are asked for; `None` where entries
/// came in that it does not cover, which [`summary`] reads.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
/// use sessiondb_logs::{keep_up, stored_summary};
///
/// let archive = Archive::in_memory()?;
/// let (session, segment) = (new_session_id(), new_segment_id());
/// archive.log(session, segment).append(&serde_json::json!({
///     "kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why?"}]
/// }))?;
/// let now = archive.snapshot()?;
/// assert!(stored_summary(&now, &now.session(session)?.unwrap())?.is_none());
///
/// keep_up(&archive)?;
/// let now = archive.snapshot()?;
/// let stored = stored_summary(&now, &now.session(session)?.unwrap())?;
/// assert_eq!(stored.unwrap().text("title"), "Why?");
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of a read.
pub fn stored_summary(
    now: &Snapshot,
    session: &SessionInfo,
) -> Result<Option<StoredSummary<'static>>, StoreError> {
    let stored = notes::read_stored(now, session.id)?;
    if covers_all(now, session, &stored)? {
        return Ok(Some(stored));
    }
    let covered = Covered::by(&stored);
    let main = main_segment(now, session.id, covered.segment)?;
    let is_all = main.is_none_or(|main| covered.has(&known_of(&main)));
    Ok(is_all.then_some(stored))
}

/// Whether the stored summary is of the only segment of the session, and of all its entries.
fn covers_all(
    now: &Snapshot,
    session: &SessionInfo,
    stored: &StoredSummary<'_>,
) -> Result<bool, StoreError> {
    let covered = Covered::by(stored);
    let (Some(segment), Some(entries)) = (covered.segment, covered.entries) else {
        return Ok(false);
    };
    if session.segments != 1 || session.entries > entries {
        return Ok(false);
    }
    let segment = now.segment(session.id, segment)?;
    Ok(segment.is_some_and(|segment| segment.exists && segment.entries > 0))
}

/// Brings the stored summaries of all sessions up to date. Returns how many were not.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append(&serde_json::json!({
///     "kind": "user_input", "ts": 7, "segments": [{"kind": "text", "content": "Why?"}]
/// }))?;
/// assert_eq!(sessiondb_logs::keep_up(&archive)?, 1);
/// let key = format!("session/{session}/summary");
/// let summary: serde_json::Value = archive.read_note(&key)?.unwrap();
/// assert_eq!(summary["title"], "Why?");
/// assert_eq!(sessiondb_logs::keep_up(&archive)?, 0);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of a read and of a write.
pub fn keep_up(archive: &Archive) -> Result<u64, StoreError> {
    let now = archive.snapshot()?;
    let mut updated = 0;
    for session in now.sessions() {
        let session = session?;
        let stored = notes::read_stored(&now, session.id)?;
        let Some(state) = state(&now, &session, &stored, u64::MAX)? else {
            continue;
        };
        let mut note = state.note;
        note.entries = note.entries.max(state.fold.entries());
        state.fold.agent().name().clone_into(&mut note.agent);
        let mut batch = archive.batch();
        put_summary(
            &now,
            &mut batch,
            (session.id, state.segment),
            &located(state.fold.summary(), &note.path),
            state.fold.entries(),
        )?;
        note.fold = Some(state.fold);
        batch.write_note(&key_of_log(session.id, state.segment), &note)?;
        batch.commit()?;
        updated += 1;
    }
    Ok(updated)
}

/// What is known after all entries of a session's main segment.
struct State {
    segment: SegmentId,
    fold: Fold,
    note: LogNote,
    read_bytes: u64,
}

impl State {
    fn fields(&self) -> Result<Map<String, Value>, StoreError> {
        let summary = located(self.fold.summary(), &self.note.path);
        Ok(fields_of(&summary, self.segment, self.fold.entries())?)
    }
}

/// What is known beyond what is stored; `None` if that is up to date, or nothing is known.
fn state(
    now: &Snapshot,
    session: &SessionInfo,
    stored: &StoredSummary<'_>,
    most_bytes: u64,
) -> Result<Option<State>, StoreError> {
    let covered = Covered::by(stored);
    let Some(main) = main_segment(now, session.id, covered.segment)? else {
        return Ok(None);
    };
    if covered.has(&known_of(&main)) {
        return Ok(None);
    }
    let note = notes::read_log(now, session.id, main.id)?;
    // Of a log whose file holds more than is stored, or something else, the stored entries count.
    let agent = match &note {
        Some(note) => by_name(&note.agent),
        None => recognised(now, main.session, main.id)?,
    };
    let Some(agent) = agent else {
        return Ok(None);
    };
    let note = note.unwrap_or_default();
    let mut fold = begun(agent, &note, main.entries);
    let read_bytes = bytes_left(&main, fold.entries());
    if read_bytes > most_bytes {
        return Ok(None);
    }
    let rest = now.log(session.id, main.id).read(fold.entries()..)?;
    each_short(rest, |entry| {
        fold.entry(entry);
        ControlFlow::Continue(())
    })?;
    let segment = main.id;
    Ok(Some(State {
        segment,
        fold,
        note,
        read_bytes,
    }))
}

/// What was known before, if it is of the beginning of what is stored.
fn begun(agent: &'static dyn Agent, note: &LogNote, stored: u64) -> Fold {
    if let Some(fold) = &note.fold
        && fold.entries() <= stored
        && fold.agent().name() == agent.name()
    {
        return fold.clone();
    }
    let mut fold = Fold::new(agent, &note.path);
    if let Some(header) = &note.header {
        fold.header(header.get());
    }
    fold
}

/// About how many bytes the entries have from that number on.
fn bytes_left(segment: &SegmentInfo, from: u64) -> u64 {
    let left = segment.entries.saturating_sub(from);
    segment.entry_bytes / segment.entries.max(1) * left
}

/// The segment that a session's summary is of: see [`main_among`].
pub(crate) fn main_segment(
    now: &Snapshot,
    session: SessionId,
    known: Option<SegmentId>,
) -> Result<Option<SegmentInfo>, StoreError> {
    let segments = now.segments(session);
    let segments =
        segments.filter(|segment| segment.as_ref().map_or(true, |segment| segment.exists));
    main_among(segments, known_of, known, |segment| is_live(now, segment))
}

fn known_of(segment: &SegmentInfo) -> KnownSegment {
    KnownSegment {
        id: segment.id,
        entries: segment.entries,
        updated_ms: segment.updated_ms,
    }
}

/// Whether a program has stored entries there itself, and it is a conversation.
fn is_live(now: &Snapshot, segment: &SegmentInfo) -> Result<bool, StoreError> {
    let note = notes::read_log(now, segment.session, segment.id)?;
    let note = note.map(|note| (note.subagent.is_some(), note.entries));
    if let Some(is_live) = known::is_live(&known_of(segment), note) {
        return Ok(is_live);
    }
    let mut is_live = true;
    let first = now.log(segment.session, segment.id).read(..1)?;
    each_short(first, |first| {
        is_live = SidecarEntry::of(first).is_none();
        ControlFlow::Break(())
    })?;
    Ok(is_live)
}
