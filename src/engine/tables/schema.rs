//! The tables as redb knows them, and the row that says how much of the journal is in them.

use redb::TableDefinition;
use uuid::Uuid;

use crate::engine::fault::{Fault, Outcome};
use crate::engine::file::superblock::Superblock;
use crate::engine::model::last_use::LastUse;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::{Reader, seal, unseal};
use crate::engine::model::table::Table;

pub(super) type RunKey = (Uuid, Uuid, u64);
pub(super) type SegmentKey = (Uuid, Uuid);
pub(super) type UseKey = (u64, Uuid);

/// Runs of entries by session, segment and the index of their first entry.
pub(super) const RUNS: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("runs");
/// The same for traces.
pub(super) const TRACES: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("traces");
/// Word filters of the runs of entries, by the keys of these.
pub(super) const FILTERS: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("word_filters");
/// Values that runs share, by the halves of their names.
pub(super) const VALUES: TableDefinition<'_, SegmentKey, &[u8]> = TableDefinition::new("values");
/// The groups that they are in, by group, nothing, and the number of the row.
pub(super) const GROUPS: TableDefinition<'_, RunKey, &[u8]> = TableDefinition::new("value_groups");
/// Heads by session and segment.
pub(super) const HEADS: TableDefinition<'_, SegmentKey, &[u8]> = TableDefinition::new("heads");
/// Sums over the heads of a session.
pub(super) const SESSIONS: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("sessions");
/// The sessions by the time of their last use.
pub(super) const SESSIONS_BY_USE: TableDefinition<'_, UseKey, &[u8]> =
    TableDefinition::new("sessions_by_use");
/// Segments that have a log, by segment and session.
pub(super) const INDEX: TableDefinition<'_, SegmentKey, &[u8]> =
    TableDefinition::new("segment_index");
/// JSON metadata by session.
pub(super) const METADATA: TableDefinition<'_, Uuid, &[u8]> = TableDefinition::new("metadata");
/// JSON records by name.
pub(super) const NAMES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("names");

/// What the archive knows of itself; see [`Checkpointed`].
pub(super) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(super) const CHECKPOINTED: &str = "absorbed";

/// How much of the journal is in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checkpointed {
    /// The last epoch that is.
    pub(crate) epoch: u64,
    /// How many frames there have been up to its end.
    pub(crate) frames: u64,
    /// The checksum of its last frame, to which the next epoch's first is chained.
    pub(crate) chain: u64,
}

impl Checkpointed {
    /// That of a new archive.
    pub(crate) fn none(superblock: &Superblock) -> Self {
        Self {
            epoch: 0,
            frames: 0,
            chain: superblock.first_chain(),
        }
    }

    pub(super) fn encode(self) -> Vec<u8> {
        let content: Vec<u8> = [self.epoch, self.frames, self.chain]
            .iter()
            .flat_map(|field| field.to_le_bytes())
            .collect();
        seal(Table::Meta, CHECKPOINTED.as_bytes(), &content)
    }

    pub(crate) fn decode(row: &[u8]) -> Result<Self, String> {
        let mut fields = Reader::new(unseal(Table::Meta, CHECKPOINTED.as_bytes(), row)?);
        Ok(Self {
            epoch: fields.u64()?,
            frames: fields.u64()?,
            chain: fields.u64()?,
        })
    }

    pub(super) fn read(
        table: &impl redb::ReadableTable<&'static str, &'static [u8]>,
    ) -> Outcome<Self> {
        let row = table.get(CHECKPOINTED)?;
        let row =
            row.ok_or_else(|| Fault::damaged("meta", "the state of the journal is missing"))?;
        Self::decode(row.value()).map_err(|message| Fault::damaged("meta", message))
    }
}

pub(super) fn runs_of(kind: LogKind) -> TableDefinition<'static, RunKey, &'static [u8]> {
    match kind {
        LogKind::Entries => RUNS,
        LogKind::Traces => TRACES,
    }
}

pub(super) fn run_key(log: &LogId, first: u64) -> RunKey {
    (log.session, log.segment, first)
}

/// The bytes of the key of a run, as they are in a page.
pub(super) fn run_key_bytes(log: &LogId, first: u64) -> [u8; 40] {
    let mut key = [0; 40];
    let parts = pair_bytes(log.session, log.segment)
        .into_iter()
        .chain(first.to_le_bytes());
    for (to, from) in key.iter_mut().zip(parts) {
        *to = from;
    }
    key
}

pub(super) fn use_key(place: LastUse) -> UseKey {
    (place.updated_ms, place.session)
}

pub(super) fn pair_bytes(first: Uuid, second: Uuid) -> [u8; 32] {
    let mut key = [0; 32];
    let (left, right) = key.split_at_mut(16);
    left.copy_from_slice(first.as_bytes());
    right.copy_from_slice(second.as_bytes());
    key
}
