//! What a writer has, as records by key. A record is JSON, and a state is all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sessiondb::archive::{OriginKind, SegmentInfo};
use sessiondb::{Archive, SegmentId, SessionId, StoreError};

use crate::hash::Sum;

/// JSON as it was written.
pub(crate) type Json = Box<RawValue>;
/// Records by their keys.
pub(crate) type Records = BTreeMap<String, Json>;

pub(crate) const SESSION: &str = "s/";
/// The record of a name of a worker.
pub(crate) const NAME: &str = "n/";
/// What was forgotten.
pub(crate) const MARK: &str = "f/";
/// A pack of this writer.
pub(crate) const PACK: &str = "p/";

/// Where the word filters of a pack of this writer are.
pub(crate) const FILTERS: &str = "w/";

pub(crate) fn session_key(session: SessionId) -> String {
    format!("{SESSION}{session}")
}

pub(crate) fn pack_key(pack: &Sum) -> String {
    format!("{PACK}{pack}")
}

pub(crate) fn filters_key(pack: &Sum) -> String {
    format!("{FILTERS}{pack}")
}

/// All sessions of a state.
pub(crate) fn sessions(
    records: &Records,
) -> impl Iterator<Item = serde_json::Result<(SessionId, SessionRecord)>> {
    records
        .range(SESSION.to_owned()..)
        .map_while(|(key, json)| Some((key.strip_prefix(SESSION)?, json)))
        .filter_map(|(id, json)| Some((id.parse().ok()?, json)))
        .map(|(id, json)| Ok((id, serde_json::from_str(json.get())?)))
}

/// All records whose key begins so, by what follows.
pub(crate) fn with_prefix<'r>(
    records: &'r Records,
    prefix: &'static str,
) -> impl Iterator<Item = (&'r str, &'r RawValue)> {
    records
        .range(prefix.to_owned()..)
        .map_while(move |(key, json)| Some((key.strip_prefix(prefix)?, &**json)))
}

/// A session.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    /// The number of the manifest in which it changed last.
    pub(crate) changed: u64,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Json>,
    /// The notes on it, by what follows `session/{id}/` in their keys.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) notes: Records,
    pub(crate) segments: Vec<SegmentRecord>,
}

/// A segment, and where its entries are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct SegmentRecord {
    pub(crate) id: SegmentId,
    /// Whether it has a log of entries.
    pub(crate) exists: bool,
    /// The number of its entries, those included that it shares.
    pub(crate) entries: u64,
    /// The bytes of those that it does not share.
    pub(crate) entry_bytes: u64,
    pub(crate) traces: u64,
    pub(crate) trace_bytes: u64,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Parent>,
    #[serde(default, skip_serializing_if = "Parts::is_empty")]
    pub(crate) parts: Parts,
    #[serde(default, skip_serializing_if = "Parts::is_empty")]
    pub(crate) trace_parts: Parts,
    /// Packs that have entries of this segment which no part names any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) stale: Vec<Sum>,
}

/// The parts of a log, in order and without gaps.
pub(crate) type Parts = Vec<Part>;

/// Where a segment came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Origin {
    /// Whether it is a fork, and no compaction.
    pub(crate) fork: bool,
    pub(crate) segment: SegmentId,
    pub(crate) turn: u64,
}

/// The segment with which another one shares its first entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parent {
    pub(crate) segment: SegmentId,
    pub(crate) len: u64,
}

/// Consecutive entries of a log in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) pack: Sum,
    /// Where its block begins.
    pub(crate) at: u64,
    /// The length of the block.
    pub(crate) len: u64,
    /// The number of the first entry.
    pub(crate) first: u64,
    /// The number of the entry behind the last.
    pub(crate) end: u64,
    /// The bytes of the lines, line ends included.
    pub(crate) bytes: u64,
    /// The hash of the lines.
    pub(crate) sum: Sum,
}

impl SegmentRecord {
    /// What is known of a segment without reading its entries.
    pub(crate) fn new(info: &SegmentInfo) -> Self {
        Self {
            id: info.id,
            exists: info.exists,
            entries: info.entries,
            entry_bytes: info.entry_bytes,
            traces: info.traces,
            trace_bytes: info.trace_bytes,
            created_ms: info.created_ms,
            updated_ms: info.updated_ms,
            origin: info.origin.as_ref().map(|origin| Origin {
                fork: matches!(origin.kind, OriginKind::Fork),
                segment: origin.segment,
                turn: origin.at_turn,
            }),
            parent: info.parent.as_ref().map(|parent| Parent {
                segment: parent.segment,
                len: parent.len,
            }),
            parts: Parts::new(),
            trace_parts: Parts::new(),
            stale: Vec::new(),
        }
    }

    /// What is known of a segment of an archive.
    pub(crate) fn of(
        archive: &Archive,
        session: SessionId,
        segment: SegmentId,
    ) -> Result<Option<Self>, StoreError> {
        Ok(archive.segment(session, segment)?.as_ref().map(Self::new))
    }

    /// The same with the parts of another state of it.
    pub(crate) fn with_parts_of(mut self, other: &Self) -> Self {
        self.parts.clone_from(&other.parts);
        self.trace_parts.clone_from(&other.trace_parts);
        self.stale.clone_from(&other.stale);
        self
    }

    /// All parts of both logs.
    pub(crate) fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().chain(&self.trace_parts)
    }
}

impl SessionRecord {
    /// All parts of all segments.
    pub(crate) fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.segments.iter().flat_map(SegmentRecord::all_parts)
    }

    /// Segments in an order in which parents, and those that others were forked from, come first.
    pub(crate) fn parents_first(&self) -> Vec<&SegmentRecord> {
        let mut waiting: Vec<_> = self.segments.iter().collect();
        let mut ordered: Vec<&SegmentRecord> = Vec::with_capacity(waiting.len());
        while !waiting.is_empty() {
            let here = ordered.len();
            let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|segment| {
                let parent = segment.parent.as_ref().map(|parent| parent.segment);
                let origin = segment.origin.as_ref().map(|origin| origin.segment);
                let is_in = |id: &SegmentId| self.segments.iter().any(|one| one.id == *id);
                let mut before = parent.into_iter().chain(origin).filter(is_in);
                before.all(|id| ordered.iter().any(|one| one.id == id))
            });
            ordered.extend(ready);
            waiting = rest;
            if ordered.len() == here {
                // A parent that is not there: what is left cannot share anything.
                ordered.append(&mut waiting);
            }
        }
        ordered
    }
}
