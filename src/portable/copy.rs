//! Copies segments from one archive into another, as changes of a bounded size.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::archive::{
    OriginKind, RawEntries, SegmentInfo, SegmentOrigin, SegmentParent, SessionInfo, Snapshot,
};
use crate::engine::{Entries, LogId, LogKind, Op, OriginRecord, ParentLink, parents_first};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, new_segment_id};

/// The most bytes of entries in one op, as long as one entry does not have more.
const OP_BYTES: usize = 4 << 20;
/// The most ops in one change.
const MAX_OPS: usize = 10_000;

/// What the target lacks of a segment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lack {
    /// The segment in the source.
    pub(super) info: SegmentInfo,
    /// The segment of the target that it goes to.
    pub(super) to: SegmentId,
    /// Whether the target has neither its log nor its traces.
    pub(super) is_new: bool,
    /// Whether the target does not have its log, which the source has.
    pub(super) log_is_new: bool,
    /// With which segment of the target a log that is new shares its first entries.
    pub(super) shared: Option<SegmentParent>,
    /// Those that are shared included.
    pub(super) entries: Range<u64>,
    pub(super) traces: Range<u64>,
}

impl Lack {
    /// All of the segment.
    pub(super) fn of_all(info: SegmentInfo) -> Self {
        Self {
            is_new: true,
            log_is_new: info.exists,
            shared: info.parent,
            entries: 0..info.entries,
            traces: 0..info.traces,
            to: info.id,
            info,
        }
    }

    pub(super) fn is_nothing(&self) -> bool {
        !self.log_is_new && self.entries.is_empty() && self.traces.is_empty()
    }

    /// The entries that have to be copied, since they are not shared.
    pub(super) fn own_entries(&self) -> Range<u64> {
        let start = self.shared.map_or(self.entries.start, |parent| parent.len);
        start..self.entries.end
    }
}

/// The segments of a session.
pub(super) fn segments_of(
    snapshot: &Snapshot,
    session: SessionId,
) -> Result<Vec<SegmentInfo>, StoreError> {
    snapshot.segments(session).collect()
}

/// The segments in the order in which they are copied, which is that of the tables, but for
/// parents, which come before the segments that share their entries.
pub(super) fn in_order(segments: Vec<SegmentInfo>) -> Vec<SegmentInfo> {
    let mut by_id: BTreeMap<_, _> = segments.into_iter().map(|info| (info.id, info)).collect();
    let parent_of = |id| by_id.get(&id)?.parent.map(|parent| parent.segment);
    let order = parents_first(by_id.keys().copied(), parent_of);
    order.iter().filter_map(|id| by_id.remove(id)).collect()
}

/// A copy that is under way.
pub(super) struct Copy<'c> {
    source: &'c Snapshot,
    /// How many bytes of entries make a change that is written.
    change_bytes: usize,
    ops: Vec<Op>,
    pending: usize,
    write: &'c mut dyn FnMut(Vec<Op>) -> Result<(), StoreError>,
    /// Told the bytes of each entry.
    tell: &'c mut dyn FnMut(u64),
}

impl<'c> Copy<'c> {
    pub(super) fn new(
        source: &'c Snapshot,
        change_bytes: usize,
        write: &'c mut dyn FnMut(Vec<Op>) -> Result<(), StoreError>,
        tell: &'c mut dyn FnMut(u64),
    ) -> Self {
        Self {
            source,
            change_bytes,
            ops: Vec::new(),
            pending: 0,
            write,
            tell,
        }
    }

    /// Copies a session that the target does not have, with its metadata and its times.
    pub(super) fn session(&mut self, info: &SessionInfo) -> Result<(), StoreError> {
        let session = info.id;
        let segments = in_order(segments_of(self.source, session)?);
        for segment in &segments {
            self.segment(&Lack::of_all(segment.clone()))?;
        }
        self.times(info, &segments)?;
        let metadata = self.source.view().read(|layers| layers.metadata(session))?;
        metadata.map_or(Ok(()), |json| self.metadata(info, json))
    }

    /// Sets the metadata of the session, with the times of the session if that is all there is of it.
    pub(super) fn metadata(&mut self, info: &SessionInfo, json: Vec<u8>) -> Result<(), StoreError> {
        let is_all = info.segments == 0 && info.traces == 0;
        let updated_ms = if is_all { info.updated_ms } else { 0 };
        for op in Op::set_metadata(info.id, json, info.created_ms, updated_ms) {
            self.push(op, 0)?;
        }
        Ok(())
    }

    /// Copies what is lacking of a segment. All that is copied of segments is copied here.
    pub(super) fn segment(&mut self, lack: &Lack) -> Result<(), StoreError> {
        let info = &lack.info;
        let pair = |kind| Pair::new(info, lack.to, kind);
        let (own, traces) = (pair(LogKind::Entries), pair(LogKind::Traces));
        if lack.log_is_new {
            self.create(own.to, lack)?;
        }
        let own_entries = lack.own_entries();
        self.log(own, own_entries.clone(), info.updated_ms)?;
        let mut rest = lack.traces.clone();
        if lack.is_new && !info.exists && !rest.is_empty() {
            // What comes first says when a segment was made.
            let first = rest.start;
            rest.start += 1;
            self.log(traces, first..rest.start, info.created_ms)?;
        }
        let is_dated = !own_entries.is_empty() || !rest.is_empty();
        self.log(traces, rest, info.updated_ms)?;
        if lack.is_new && !is_dated && info.updated_ms > info.created_ms {
            let (log, len) = if info.exists {
                (own.to, lack.entries.end)
            } else {
                (traces.to, 1)
            };
            let [append, truncate] = Op::touch(log, len, info.updated_ms);
            self.ops.push(append);
            self.push(truncate, 0)?;
        }
        Ok(())
    }

    /// Makes a log with the entries that it shares.
    fn create(&mut self, log: LogId, lack: &Lack) -> Result<(), StoreError> {
        let at_ms = lack.info.created_ms;
        // Only where there is none: another writer may have begun one.
        self.ops
            .push(append(log, Some(0), Entries::default(), at_ms));
        let shared = lack.shared.map(|base| ParentLink {
            segment: base.segment,
            len: base.len,
        });
        let origin = lack.info.origin.as_ref().map(origin_record);
        self.push(Op::begin(log, shared, origin, at_ms), 0)
    }

    /// Hands over what is left.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.flush()
    }

    pub(super) fn push(&mut self, op: Op, bytes: usize) -> Result<(), StoreError> {
        self.ops.push(op);
        self.pending += bytes;
        if self.pending >= self.change_bytes || self.is_many() {
            return self.flush();
        }
        Ok(())
    }

    /// A change that is to be one has as many ops as it takes.
    fn is_many(&self) -> bool {
        self.change_bytes < usize::MAX && self.ops.len() >= MAX_OPS
    }

    fn log(&mut self, pair: Pair, range: Range<u64>, at_ms: u64) -> Result<(), StoreError> {
        if range.is_empty() {
            return Ok(());
        }
        let mut first = range.start;
        let mut entries = Entries::default();
        for entry in read(self.source, &pair.from, range)? {
            let entry = entry?;
            entries.push(&entry);
            (self.tell)(entry.len() as u64);
            if entries.payload().len() >= OP_BYTES {
                let full = std::mem::take(&mut entries);
                first = self.append(pair.to, first, full, at_ms)?;
            }
        }
        if !entries.is_empty() {
            self.append(pair.to, first, entries, at_ms)?;
        }
        Ok(())
    }

    /// Returns the index of the entry after these.
    fn append(
        &mut self,
        log: LogId,
        first: u64,
        entries: Entries,
        at_ms: u64,
    ) -> Result<u64, StoreError> {
        let (end, bytes) = (first + entries.len(), entries.payload().len());
        let append = append(log, Some(first), entries, at_ms);
        self.push(append, bytes)?;
        Ok(end)
    }

    /// Gives the session its times, where they are not those of its segments: one that was
    /// removed has left its own, and so does the one that is made and removed here.
    pub(super) fn times(
        &mut self,
        info: &SessionInfo,
        segments: &[SegmentInfo],
    ) -> Result<(), StoreError> {
        if segments.is_empty() {
            return Ok(());
        }
        let created = segments.iter().map(|segment| segment.created_ms).min();
        let updated = segments.iter().map(|segment| segment.updated_ms).max();
        if (created, updated) == (Some(info.created_ms), Some(info.updated_ms)) {
            return Ok(());
        }
        let log = LogId {
            session: info.id,
            segment: new_segment_id(),
            kind: LogKind::Entries,
        };
        self.ops.push(Op::append_null(log, None, info.created_ms));
        self.ops.push(Op::append_null(log, None, info.updated_ms));
        self.push(Op::DeleteLog { log }, 0)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.pending = 0;
        let ops = std::mem::take(&mut self.ops);
        if ops.is_empty() {
            return Ok(());
        }
        (self.write)(ops)
    }
}

/// A log in the source, and the one of the target that it goes to.
#[derive(Clone, Copy)]
struct Pair {
    from: LogId,
    to: LogId,
}

impl Pair {
    fn new(info: &SegmentInfo, to: SegmentId, kind: LogKind) -> Self {
        let log = |segment| LogId {
            session: info.session,
            segment,
            kind,
        };
        Self {
            from: log(info.id),
            to: log(to),
        }
    }
}

fn append(log: LogId, expected: Option<u64>, entries: Entries, at_ms: u64) -> Op {
    Op::Append {
        log,
        expected,
        entries,
        origin: None,
        at_ms,
    }
}

/// Reads one of the two logs of a segment.
pub(super) fn read(
    snapshot: &Snapshot,
    log: &LogId,
    range: Range<u64>,
) -> Result<RawEntries, StoreError> {
    snapshot.reader(*log).read_existing(range)
}

fn origin_record(origin: &SegmentOrigin) -> OriginRecord {
    OriginRecord {
        kind: match origin.kind {
            OriginKind::Fork => 1,
            OriginKind::Compaction => 2,
        },
        segment: origin.segment,
        at_turn: origin.at_turn,
    }
}
