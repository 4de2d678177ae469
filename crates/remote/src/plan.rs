//! What a push has to write: an archive, at one moment, compared with what its writer has put before.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use serde_json::value::RawValue;
use sessiondb::archive::{LogSnapshot, SegmentInfo, SessionInfo};
use sessiondb::{SessionId, Snapshot, StoreError};

use crate::ends;
use crate::error::RemoteError;
use crate::hash::Sum;
use crate::marks::{self, REDACTED};
use crate::pack::LogKey;
use crate::record::{self, Json, Part, Records, SegmentRecord, SessionRecord};

/// All that a state is going to be.
pub(crate) struct Plan {
    /// Records that are no sessions.
    pub(crate) records: Records,
    pub(crate) sessions: Vec<PlannedSession>,
    /// Whether something was taken away or rewritten since the last state.
    pub(crate) forgets: bool,
}

/// A session as its record will be, but for what is still to be written.
pub(crate) struct PlannedSession {
    pub(crate) id: SessionId,
    /// Its segments have no parts yet.
    pub(crate) record: SessionRecord,
    pub(crate) logs: Vec<PlannedLog>,
}

/// One log of a segment.
pub(crate) struct PlannedLog {
    pub(crate) key: LogKey,
    pub(crate) pieces: Vec<Piece>,
}

/// A piece of a log, in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Piece {
    /// It was put before.
    Kept(Part),
    /// It is to be put.
    New(Range<u64>),
}

/// Who has put what an archive is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// It, so a segment of the same times and lengths is not read.
    Itself,
    /// A copy of it, which may have written something else of the same length in the same millisecond.
    Copy,
}

/// Parts that may be of a log, by whether it is of traces, and by their first entry.
type Hints = HashMap<(bool, u64), Vec<Part>>;

/// Compares an archive with records that were put `before`, by itself or by a copy of it. `others` tells of sessions as
/// other writers have put them.
pub(crate) fn plan(
    snapshot: &Snapshot,
    before: &Records,
    by: By,
    others: &HashMap<SessionId, SessionRecord>,
) -> Result<Plan, RemoteError> {
    let mut old: BTreeMap<_, _> = record::sessions(before).collect::<Result<_, _>>()?;
    let mut plan = Plan {
        records: Records::new(),
        sessions: Vec::new(),
        forgets: false,
    };
    let mut lost = BTreeSet::new();
    for info in snapshot.sessions() {
        let info = info?;
        let old = old.remove(&info.id);
        let planned = session(snapshot, &info, old.as_ref(), by, others.get(&info.id))?;
        if let Some(old) = old {
            plan.forgets |= is_rewritten(&old, &planned.record);
            lost.extend(lost_packs(&old, &planned));
        }
        plan.sessions.push(planned);
    }
    for gone in old.values() {
        lost.extend(packs_of(&gone.segments));
    }
    plan.forgets |= !old.is_empty() || !lost.is_empty();
    plan.names(snapshot)?;
    plan.forgets |= record::with_prefix(before, record::NAME).any(|(name, json)| {
        plan.records
            .get(&name_key(name))
            .is_none_or(|now| now.get() != json.get())
    });
    plan.records.extend(marks::records(snapshot)?);
    plan.drop_packs(before, lost);
    ends::join(&mut plan.sessions);
    Ok(plan)
}

fn name_key(name: &str) -> String {
    format!("{}{name}", record::NAME)
}

fn session(
    snapshot: &Snapshot,
    info: &SessionInfo,
    old: Option<&SessionRecord>,
    by: By,
    other: Option<&SessionRecord>,
) -> Result<PlannedSession, RemoteError> {
    let id = info.id;
    let metadata = snapshot.metadata(id)?;
    let metadata = metadata.map(|metadata| serde_json::value::to_raw_value(&metadata));
    let mut record = SessionRecord {
        changed: old.map_or(0, |old| old.changed),
        created_ms: info.created_ms,
        updated_ms: info.updated_ms,
        metadata: metadata.transpose()?,
        notes: notes(snapshot, id)?,
        segments: Vec::new(),
    };
    let (mut hints, mut logs) = (None, Vec::new());
    for info in snapshot.segments(id) {
        let info = info?;
        let segment = SegmentRecord::new(&info);
        let same = old.and_then(|old| old.segments.iter().find(|old| old.id == info.id));
        let is_same =
            same.filter(|old| by == By::Itself && segment.clone().with_parts_of(old) == **old);
        for traces in [false, true] {
            let key = LogKey {
                session: id,
                segment: info.id,
                traces,
            };
            let pieces = if let Some(old) = is_same {
                kept(if traces { &old.trace_parts } else { &old.parts })
            } else {
                let hints = hints.get_or_insert_with(|| hints_of([old, other]));
                let range = own_range(&info, traces);
                pieces(&log_of(snapshot, key), range, traces, hints)?
            };
            logs.push(PlannedLog { key, pieces });
        }
        let stale = same.map_or(Vec::new(), |old| old.stale.clone());
        record.segments.push(SegmentRecord { stale, ..segment });
    }
    Ok(PlannedSession { id, record, logs })
}

fn kept(parts: &[Part]) -> Vec<Piece> {
    parts.iter().cloned().map(Piece::Kept).collect()
}

fn own_range(info: &SegmentInfo, traces: bool) -> Range<u64> {
    if traces {
        return 0..info.traces;
    }
    info.parent.as_ref().map_or(0, |parent| parent.len)..info.entries
}

pub(crate) fn log_of(snapshot: &Snapshot, key: LogKey) -> LogSnapshot {
    if key.traces {
        snapshot.trace(key.session, key.segment)
    } else {
        snapshot.log(key.session, key.segment)
    }
}

/// The notes on a session, by what follows its id in their keys.
fn notes(snapshot: &Snapshot, session: SessionId) -> Result<Records, StoreError> {
    let prefix = format!("session/{session}/");
    let mut notes = Records::new();
    for key in snapshot.notes(&prefix)? {
        let note: Option<Json> = snapshot.read_note(&key)?;
        if let (Some(note), Some(key)) = (note, key.strip_prefix(&prefix)) {
            notes.insert(key.to_owned(), note);
        }
    }
    Ok(notes)
}

fn hints_of(records: [Option<&SessionRecord>; 2]) -> Hints {
    let mut hints = Hints::new();
    for segment in records
        .into_iter()
        .flatten()
        .flat_map(|record| &record.segments)
    {
        for (traces, parts) in [(false, &segment.parts), (true, &segment.trace_parts)] {
            for part in parts {
                let known = hints.entry((traces, part.first)).or_default();
                if !known.contains(part) {
                    known.push(part.clone());
                }
            }
        }
    }
    hints
}

/// The parts that a log still has, and what lies between them.
fn pieces(
    log: &LogSnapshot,
    range: Range<u64>,
    traces: bool,
    hints: &Hints,
) -> Result<Vec<Piece>, StoreError> {
    let mut starts: Vec<u64> = hints
        .keys()
        .filter(|(of, _)| *of == traces)
        .map(|key| key.1)
        .collect();
    starts.sort_unstable();
    let (mut pieces, mut at) = (Vec::new(), range.start);
    while at < range.end {
        let found = match hints.get(&(traces, at)) {
            Some(parts) => still_there(log, parts, range.end)?,
            None => None,
        };
        let piece = if let Some(part) = found {
            Piece::Kept(part)
        } else {
            let next = starts.partition_point(|start| *start <= at);
            let next = starts
                .get(next)
                .map_or(range.end, |next| range.end.min(*next));
            Piece::New(at..next)
        };
        at = piece.end();
        pieces.push(piece);
    }
    Ok(joined(pieces))
}

/// The longest of these parts that the log still has.
fn still_there(log: &LogSnapshot, parts: &[Part], end: u64) -> Result<Option<Part>, StoreError> {
    let mut fitting: Vec<_> = parts.iter().filter(|part| part.end <= end).collect();
    fitting.sort_by_key(|part| std::cmp::Reverse(part.end));
    for part in fitting {
        if is_there(log, part)? {
            return Ok(Some(part.clone()));
        }
    }
    Ok(None)
}

/// Whether a log has the lines of a part.
pub(crate) fn is_there(log: &LogSnapshot, part: &Part) -> Result<bool, StoreError> {
    Ok(lines(log, part.first..part.end, part.bytes)?
        .is_some_and(|lines| Sum::of(&lines) == part.sum))
}

/// The lines of a part of a log, or `None` if they have not so many bytes.
pub(crate) fn lines(
    log: &LogSnapshot,
    range: Range<u64>,
    bytes: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    let mut lines = Vec::new();
    for entry in log.read(range)? {
        let entry = entry?;
        if (lines.len() + entry.as_str().len()) as u64 >= bytes {
            return Ok(None);
        }
        lines.extend_from_slice(entry.as_str().as_bytes());
        lines.push(b'\n');
    }
    Ok((lines.len() as u64 == bytes).then_some(lines))
}

/// New pieces that follow each other as one.
pub(crate) fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::New(last)), Piece::New(next)) => last.end = next.end,
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

impl Piece {
    fn end(&self) -> u64 {
        match self {
            Self::Kept(part) => part.end,
            Self::New(range) => range.end,
        }
    }
}

/// Whether what is said of a session, beside its entries, was rewritten, so that it must not stay in a base.
fn is_rewritten(old: &SessionRecord, now: &SessionRecord) -> bool {
    let get = |json: &Option<Json>| json.as_ref().map(|json| json.get().to_owned());
    let is_same_length = old.updated_ms == now.updated_ms;
    let has_changed = |(key, note): (&String, &Json)| {
        let here = now.notes.get(key).map(|json| RawValue::get(json));
        here != Some(note.get()) && (is_same_length || here.is_none())
    };
    let marks = |record: &SessionRecord| {
        let marks = record
            .notes
            .iter()
            .filter(|(key, _)| key.starts_with(REDACTED));
        marks
            .map(|(key, note)| (key.clone(), note.get().to_owned()))
            .collect::<Vec<_>>()
    };
    (is_same_length && get(&old.metadata) != get(&now.metadata))
        || old.notes.iter().any(has_changed)
        || marks(old) != marks(now)
}

/// The packs of a session in which there is something that it has no more.
fn lost_packs(old: &SessionRecord, now: &PlannedSession) -> BTreeSet<Sum> {
    let kept: HashSet<_> = now
        .logs
        .iter()
        .flat_map(|log| &log.pieces)
        .filter_map(|piece| match piece {
            Piece::Kept(part) => Some((part.pack, part.at)),
            Piece::New(_) => None,
        })
        .collect();
    let is_lost = |segment: &&SegmentRecord| {
        segment
            .all_parts()
            .any(|part| !kept.contains(&(part.pack, part.at)))
    };
    let lost: Vec<_> = old.segments.iter().filter(is_lost).cloned().collect();
    packs_of(&lost)
}

fn packs_of(segments: &[SegmentRecord]) -> BTreeSet<Sum> {
    let packs = |segment: &SegmentRecord| {
        let parts: Vec<_> = segment.all_parts().map(|part| part.pack).collect();
        parts.into_iter().chain(segment.stale.clone())
    };
    segments.iter().flat_map(packs).collect()
}

impl Plan {
    fn names(&mut self, snapshot: &Snapshot) -> Result<(), StoreError> {
        for name in snapshot.names()? {
            if let Some(json) = snapshot.read_name_as::<Json>(&name)? {
                self.records.insert(name_key(&name), json);
            }
        }
        Ok(())
    }

    fn pieces(&self) -> impl Iterator<Item = &Piece> {
        let logs = self.sessions.iter().flat_map(|session| &session.logs);
        logs.flat_map(|log| &log.pieces)
    }

    /// Writes what is left of some packs anew: of those of which something is gone, and of those of which less
    /// than half is still of use. Keeps the records of the others.
    fn drop_packs(&mut self, before: &Records, mut dropped: BTreeSet<Sum>) {
        let mut used: HashMap<Sum, u64> = HashMap::new();
        for piece in self.pieces() {
            if let Piece::Kept(part) = piece {
                *used.entry(part.pack).or_default() += part.len;
            }
        }
        for (pack, used) in used {
            let record = before.get(&record::pack_key(&pack));
            let len = record
                .and_then(|json| json.get().parse::<u64>().ok())
                .unwrap_or(0);
            if used * 2 < len {
                dropped.insert(pack);
            }
            if let Some(record) = record.filter(|_| !dropped.contains(&pack)) {
                self.records.insert(record::pack_key(&pack), record.clone());
                let key = record::filters_key(&pack);
                if let Some(filters) = before.get(&key) {
                    self.records.insert(key, filters.clone());
                }
            }
        }
        let logs = self
            .sessions
            .iter_mut()
            .flat_map(|session| &mut session.logs);
        for log in logs {
            let pieces = std::mem::take(&mut log.pieces)
                .into_iter()
                .map(|piece| match piece {
                    Piece::Kept(part) if dropped.contains(&part.pack) => {
                        Piece::New(part.first..part.end)
                    }
                    piece => piece,
                });
            log.pieces = joined(pieces.collect());
        }
    }
}
