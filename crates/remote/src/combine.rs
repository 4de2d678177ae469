//! The sessions of several states as one pull after the other would have them, as far as states say.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use serde::Deserialize;
use sessiondb::archive::Forgotten;
use sessiondb::{SegmentId, SessionId, SessionInfo};

use crate::lean::{LeanSegment, LeanSession, LeanState};
use crate::listed::{RemoteSegment, RemoteSession};
use crate::marks::{self, REDACTED, TRASH};

/// That something of a session was forgotten, as a tip says.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) tip: usize,
    pub(crate) session: SessionId,
    pub(crate) key: String,
    pub(crate) json: Bytes,
}

/// All sessions by their ids, but for those that were forgotten.
pub(crate) fn sessions(states: Vec<LeanState>, forgotten: &[Mark]) -> Vec<RemoteSession> {
    let forgotten = Marks::of(forgotten);
    let all = states.iter().map(|state| state.sessions.len()).sum();
    let mut holders: HashMap<SessionId, Vec<(usize, LeanSession)>> = HashMap::with_capacity(all);
    for (tip, state) in states.into_iter().enumerate() {
        for session in state.sessions {
            if !forgotten.sessions.contains(&session.id) {
                holders.entry(session.id).or_default().push((tip, session));
            }
        }
    }
    let sessions = holders.into_values();
    let mut sessions: Vec<_> = sessions
        .filter_map(|holders| session(holders, &forgotten))
        .collect();
    sessions.sort_unstable_by_key(RemoteSession::id);
    sessions
}

/// What was forgotten.
#[derive(Default)]
struct Marks {
    sessions: HashSet<SessionId>,
    segments: HashMap<(SessionId, SegmentId), Vec<Forgotten>>,
}

impl Marks {
    fn of(all: &[Mark]) -> Self {
        let mut of = Self::default();
        for mark in all {
            let target = mark.key.strip_prefix(crate::record::MARK);
            match target.and_then(marks::target) {
                Some((session, None)) => {
                    of.sessions.insert(session);
                }
                Some((session, Some(segment))) => {
                    // What does not parse is an error of the pull that reads the session.
                    let mark = serde_json::from_slice(&mark.json);
                    let marks = of.segments.entry((session, segment)).or_default();
                    marks.extend(mark.ok());
                }
                None => {}
            }
        }
        of
    }

    /// Whether a segment, as a state has it, may have something that was forgotten.
    fn may_be_of(&self, session: SessionId, segment: &LeanSegment) -> bool {
        let marks = self.segments.get(&(session, segment.id));
        marks
            .into_iter()
            .flatten()
            .any(|mark| mark.is_whole() || mark.cuts.iter().any(|cut| cut.from < segment.entries))
    }
}

/// The marks of the trash, as the note on a session has them.
#[derive(Deserialize, Default, Clone, Copy)]
struct InTrash {
    #[serde(default)]
    trashed_ms: Option<u64>,
    #[serde(default)]
    hidden: bool,
}

/// One session of those that have it.
fn session(mut holders: Vec<(usize, LeanSession)>, forgotten: &Marks) -> Option<RemoteSession> {
    let marks: Vec<_> = holders
        .iter()
        .map(|(_, session)| in_trash(session))
        .collect();
    let hidden = marks.first().is_some_and(|first| first.hidden);
    let trashed_ms = marks.iter().find_map(|marks| marks.trashed_ms);
    let created_ms = holders
        .iter()
        .map(|(_, session)| session.created_ms)
        .min()?;
    let updated_ms = holders
        .iter()
        .map(|(_, session)| session.updated_ms)
        .max()?;
    let tips: Vec<_> = holders.iter().map(|(tip, _)| *tip).collect();
    let mut is_certain = true;
    let mut segments: BTreeMap<SegmentId, LeanSegment> = BTreeMap::new();
    let mut parts = Vec::new();
    for (_, session) in &holders {
        for segment in &session.segments {
            is_certain &= !forgotten.may_be_of(session.id, segment);
            parts.extend(segment.parts.clone().filter(|new| !parts.contains(new)));
            let known = segments
                .entry(segment.id)
                .or_insert_with(|| segment.clone());
            if (segment.entries, segment.traces) > (known.entries, known.traces) {
                *known = segment.clone();
            }
        }
    }
    let metadata = holders
        .first()
        .and_then(|(_, first)| first.metadata.clone());
    // Of equals the first one, which a pull reads first.
    let best = (0..holders.len())
        .rev()
        .max_by_key(|at| holders.get(*at).map(rank))?;
    let (_, best) = holders.swap_remove(best);
    let mut info = SessionInfo::unknown(best.id);
    (info.created_ms, info.updated_ms) = (created_ms, updated_ms);
    (info.trashed_ms, info.hidden) = (trashed_ms, hidden);
    for segment in segments.values() {
        info.segments += u64::from(segment.exists);
        info.entries += segment.entries;
        info.entry_bytes += segment.entry_bytes;
        info.traces += segment.traces;
        info.trace_bytes += segment.trace_bytes;
    }
    let segments = segments.values().map(|segment| RemoteSegment {
        id: segment.id,
        exists: segment.exists,
        entries: segment.entries,
        updated_ms: segment.updated_ms,
    });
    Some(RemoteSession {
        info,
        metadata: metadata.or(best.metadata),
        notes: best.notes,
        segments: segments.collect(),
        tips,
        parts,
        is_certain,
    })
}

fn in_trash(session: &LeanSession) -> InTrash {
    let note = session.notes.iter().find(|(key, _)| key == TRASH);
    let marks = note.and_then(|(_, json)| serde_json::from_slice(json).ok());
    marks.unwrap_or_default()
}

/// Whose notes are told: those of the archive that redacted most, so that none is told from before, and then of the one
/// that has most.
fn rank((_, session): &(usize, LeanSession)) -> (u64, u64) {
    let redacted = session
        .notes
        .iter()
        .filter(|(key, _)| key.starts_with(REDACTED))
        .map(|(_, json)| json.len() as u64)
        .sum();
    let entries = session.segments.iter();
    let entries = entries.map(|segment| segment.entries + segment.traces);
    (redacted, entries.sum())
}
