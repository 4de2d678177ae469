//! The sessions of several states as one pull after the other would have them, as far as states say.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Mutex;

use bytes::Bytes;
use sessiondb::archive::Forgotten;
use sessiondb::{SegmentId, SessionId, SessionInfo};

use crate::cores;
use crate::lean::{LeanSegment, LeanSession, LeanState};
use crate::listed::{RemoteSegment, RemoteSession};
use crate::marks;

/// That something of a session was forgotten, as a tip says.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) tip: usize,
    pub(crate) session: SessionId,
    pub(crate) key: String,
    pub(crate) json: Bytes,
}

/// A session, and the tip that has it.
type Held = (usize, LeanSession);

/// So many sessions are put together at a time.
const PIECE: usize = 4096;

/// All sessions by their ids, but for those that were forgotten.
pub(crate) fn sessions(
    states: Vec<LeanState>,
    forgotten: &[Mark],
) -> io::Result<Vec<RemoteSession>> {
    let forgotten = Marks::of(forgotten);
    let all = states.iter().map(|state| state.sessions.len()).sum();
    let mut held: Vec<Held> = Vec::with_capacity(all);
    for (tip, state) in states.into_iter().enumerate() {
        let sessions = state.sessions.into_iter();
        let kept = sessions.filter(|session| !forgotten.sessions.contains(&session.id));
        held.extend(kept.map(|session| (tip, session)));
    }
    held.sort_by_cached_key(|(tip, session)| (session.id, *tip));
    let pieces = pieces(held);
    let combined = cores::each(&pieces, |piece| {
        let piece = piece.lock().ok();
        combined(
            piece.map(|mut piece| std::mem::take(&mut *piece)),
            &forgotten,
        )
    })?;
    Ok(combined.into_iter().flatten().collect())
}

/// Those of one session are in one piece.
fn pieces(mut held: Vec<Held>) -> Vec<Mutex<Vec<Held>>> {
    let mut pieces = Vec::with_capacity(held.len() / PIECE + 1);
    while held.len() > PIECE {
        let mut from = held.len() - PIECE;
        while from > 0 && held.get(from).map(id) == held.get(from - 1).map(id) {
            from -= 1;
        }
        pieces.push(Mutex::new(held.split_off(from)));
    }
    pieces.push(Mutex::new(held));
    pieces.reverse();
    pieces
}

fn id((_, session): &Held) -> SessionId {
    session.id
}

fn combined(held: Option<Vec<Held>>, forgotten: &Marks) -> Vec<RemoteSession> {
    let mut held = held.unwrap_or_default().into_iter().peekable();
    let mut sessions = Vec::with_capacity(held.len());
    let mut holders = Vec::new();
    while let Some(first) = held.next() {
        let of = id(&first);
        holders.push(first);
        while let Some(next) = held.next_if(|next| id(next) == of) {
            holders.push(next);
        }
        sessions.extend(session(&mut holders, forgotten));
        holders.clear();
    }
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

/// One session of those that have it.
fn session(holders: &mut Vec<Held>, forgotten: &Marks) -> Option<RemoteSession> {
    let (_, first) = holders.first()?;
    let hidden = first.in_trash.hidden;
    let mut metadata = first.metadata.clone();
    let sessions = || holders.iter().map(|(_, session)| session);
    let trashed_ms = sessions().find_map(|session| session.in_trash.trashed_ms);
    let created_ms = sessions().map(|session| session.created_ms).min()?;
    let updated_ms = sessions().map(|session| session.updated_ms).max()?;
    let is_certain = sessions().all(|session| {
        let mut segments = session.segments.iter();
        !segments.any(|segment| forgotten.may_be_of(session.id, segment))
    });
    let tips = holders.iter().map(|(tip, _)| *tip).collect();
    // Of equals the first one, which a pull reads first.
    let best = (0..holders.len())
        .rev()
        .max_by_key(|at| holders.get(*at).map(rank))?;
    let (segments, parts) = segments(holders);
    let (_, best) = holders.swap_remove(best);
    metadata = metadata.or(best.metadata);
    let mut info = SessionInfo::unknown(best.id);
    (info.created_ms, info.updated_ms) = (created_ms, updated_ms);
    (info.trashed_ms, info.hidden) = (trashed_ms, hidden);
    for segment in &segments {
        info.segments += u64::from(segment.exists);
        info.entries += segment.entries;
        info.entry_bytes += segment.entry_bytes;
        info.traces += segment.traces;
        info.trace_bytes += segment.trace_bytes;
    }
    let segments = segments.into_iter().map(|segment| RemoteSegment {
        id: segment.id,
        exists: segment.exists,
        entries: segment.entries,
        updated_ms: segment.updated_ms,
    });
    Some(RemoteSession {
        info,
        metadata,
        notes: best.notes,
        segments: segments.collect(),
        tips,
        parts,
        is_certain,
    })
}

/// Takes the segments out of those that have the session: each as long as the longest of them, by their ids, and the parts of
/// all.
fn segments(holders: &mut [Held]) -> (Vec<LeanSegment>, Vec<Bytes>) {
    let (mut segments, mut parts) = (Vec::<LeanSegment>::new(), Vec::new());
    for (_, session) in holders {
        for mut segment in session.segments.drain(..) {
            parts.extend(segment.parts.take().filter(|new| !parts.contains(new)));
            segments.push(segment);
        }
    }
    let len = |segment: &LeanSegment| (segment.entries, segment.traces);
    segments.sort_by_key(|segment| segment.id);
    segments.dedup_by(|later, kept| {
        let is_same = later.id == kept.id;
        if is_same && len(later) > len(kept) {
            std::mem::swap(later, kept);
        }
        is_same
    });
    (segments, parts)
}

/// Whose notes are told: those of the archive that redacted most, so that none is told from before, and then of the one
/// that has most.
fn rank((_, session): &Held) -> (u64, u64) {
    let entries = session.segments.iter();
    let entries = entries.map(|segment| segment.entries + segment.traces);
    (session.redacted_bytes, entries.sum())
}
