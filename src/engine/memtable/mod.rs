//! A memtable: what the frames of one epoch change, as state in memory on top of what is below it. It
//! holds whole heads and sums, so that whoever looks for one asks the layers from the top, and the
//! first that has it is right.

pub(crate) mod extents;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use crate::engine::memtable::extents::{ExtentSource, Extents};
use crate::engine::model::log_id::LogId;
use crate::engine::model::row::{Head, LogSize, SessionRow};
use crate::ids::{SegmentId, SessionId};

/// The changes of one epoch. `None` in a map is what was removed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memtable {
    pub(crate) heads: BTreeMap<(SessionId, SegmentId), Option<Head>>,
    pub(crate) logs: HashMap<LogId, Extents>,
    pub(crate) sessions: BTreeMap<SessionId, Option<SessionRow>>,
    pub(crate) metadata: BTreeMap<SessionId, Option<Vec<u8>>>,
    pub(crate) names: BTreeMap<String, Option<Vec<u8>>>,
}

impl Memtable {
    /// Whether it changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.heads.is_empty() && self.metadata.is_empty() && self.names.is_empty()
    }

    /// The heads that this memtable has of a session.
    pub(crate) fn heads_of(
        &self,
        session: SessionId,
    ) -> impl DoubleEndedIterator<Item = (SegmentId, Option<Head>)> {
        let range = (session, SegmentId::nil())..=(session, SegmentId::max());
        self.heads
            .range(range)
            .map(|((_, segment), head)| (*segment, *head))
    }

    /// How many entries it holds, and their bytes.
    pub(crate) fn size(&self) -> LogSize {
        let mut size = LogSize::default();
        let extents = self.logs.values().flat_map(Extents::list);
        for extent in extents {
            let bytes = match &extent.source {
                ExtentSource::Run(run) => run.bytes_between(extent.range()),
                ExtentSource::Large(entry) => entry.0.len(),
                ExtentSource::Below(_) => continue,
            };
            size.entries += extent.end - extent.first;
            size.bytes += bytes;
        }
        size
    }

    /// The extents of a log, whose own entries are those in the range as long as nothing here says
    /// otherwise.
    pub(crate) fn extents_mut(&mut self, log: &LogId, own: Range<u64>) -> &mut Extents {
        let extents = self.logs.entry(*log);
        extents.or_insert_with(|| Extents::below(log.segment, own))
    }
}
