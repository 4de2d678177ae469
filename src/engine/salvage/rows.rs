//! Which rows prove themselves: those whose checksum, over their place as well, matches.

use std::ops::Range;

use uuid::Uuid;

use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::{Head, Reader, SessionRow, unseal};
use crate::engine::model::run_row::{HEADER_BYTES, RunRow};
use crate::engine::model::shared_value::ValueName;
use crate::engine::model::table;
use crate::engine::redb_format::page::{Node, Widths};
use crate::engine::tables::Checkpointed;
use crate::ids::{SegmentId, SessionId};

/// The tables of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Runs,
    Traces,
    Heads,
    Sessions,
    Index,
    Metadata,
    Names,
    Meta,
    /// Not in all archives, nor is the next.
    Values,
    Groups,
}

impl Table {
    /// Those that every archive has.
    pub(crate) const ALL: [Self; 8] = [
        Self::Meta,
        Self::Heads,
        Self::Index,
        Self::Sessions,
        Self::Metadata,
        Self::Names,
        Self::Runs,
        Self::Traces,
    ];

    /// The name by which redb has it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::Traces => "traces",
            Self::Heads => "heads",
            Self::Sessions => "sessions",
            Self::Index => "segment_index",
            Self::Metadata => "metadata",
            Self::Names => "names",
            Self::Meta => "meta",
            Self::Values => "values",
            Self::Groups => "value_groups",
        }
    }

    pub(crate) fn named(name: &[u8]) -> Option<Self> {
        let mut tables = Self::ALL.into_iter().chain([Self::Values, Self::Groups]);
        tables.find(|table| table.name().as_bytes() == name)
    }

    pub(crate) fn of_runs(kind: LogKind) -> Self {
        match kind {
            LogKind::Entries => Self::Runs,
            LogKind::Traces => Self::Traces,
        }
    }

    pub(crate) fn widths(self) -> Widths {
        let key = match self {
            Self::Runs | Self::Traces | Self::Groups => Some(40),
            Self::Heads | Self::Index | Self::Values => Some(32),
            Self::Sessions | Self::Metadata => Some(16),
            Self::Names | Self::Meta => None,
        };
        Widths { key, value: None }
    }

    fn sealed(self) -> Option<table::Table> {
        match self {
            Self::Runs | Self::Traces => None,
            Self::Heads => Some(table::Table::Heads),
            Self::Sessions => Some(table::Table::Sessions),
            Self::Index => Some(table::Table::Index),
            Self::Metadata => Some(table::Table::Metadata),
            Self::Names => Some(table::Table::Names),
            Self::Meta => Some(table::Table::Meta),
            Self::Values => Some(table::Table::Values),
            Self::Groups => Some(table::Table::Groups),
        }
    }

    /// The lengths that a row can have by what it holds, where that can be told.
    fn row_lens(self, row: &[u8]) -> Vec<usize> {
        match self {
            Self::Runs | Self::Traces => {
                let mut fields = Reader::new(row.get(HEADER_BYTES - 8..).unwrap_or_default());
                let payload = fields.u64().ok().and_then(|len| usize::try_from(len).ok());
                let len = payload.and_then(|len| HEADER_BYTES.checked_add(len));
                Vec::from_iter(len)
            }
            Self::Heads => vec![8 + Head::BYTES, 8 + Head::LINKED_BYTES],
            Self::Sessions => vec![72],
            Self::Index => vec![8],
            Self::Meta | Self::Values => vec![32],
            Self::Metadata | Self::Names | Self::Groups => Vec::new(),
        }
    }
}

/// A row of a run, or a chunk of one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProvedRun {
    pub(crate) log: LogId,
    /// The number that it stands under.
    pub(crate) number: u64,
    /// How many entries the run has, and how many more rows; nothing for a chunk.
    pub(crate) count: u64,
    pub(crate) more: u64,
    /// Whether some values of it are stored elsewhere.
    pub(crate) shares: bool,
}

/// A row that is what it says, where it says.
pub(crate) enum Proved {
    Run(ProvedRun),
    Head(SessionId, SegmentId, Head),
    Session(SessionId, SessionRow),
    Index(SegmentId, SessionId),
    Metadata(SessionId, Vec<u8>),
    Name(String, Vec<u8>),
    Checkpointed(Checkpointed),
    /// What is known of a shared value, of which its group tells all that is needed.
    Value(ValueName),
    /// A row of a group of values, by the number that it stands under.
    Group(Uuid, u64),
}

/// Reads a row of the table, having verified it. A run has its own key; all others have that of
/// the page.
pub(crate) fn prove(table: Table, key: &[u8], value: &[u8]) -> Result<Proved, String> {
    let Some(sealed) = table.sealed() else {
        let row = RunRow::parse(value)?;
        if Table::of_runs(row.log.kind) != table {
            return Err("its row is that of another table".to_owned());
        }
        if !row.is_chunk() && row.more == 0 {
            row.unpack([])?;
        }
        return Ok(Proved::Run(ProvedRun {
            log: row.log,
            number: row.number,
            count: row.count,
            more: row.more,
            shares: row.shares(),
        }));
    };
    let content = unseal(sealed, key, value)?;
    let mut fields = Reader::new(key);
    Ok(match sealed {
        table::Table::Heads => Proved::Head(fields.uuid()?, fields.uuid()?, Head::decode(content)?),
        table::Table::Sessions => Proved::Session(fields.uuid()?, SessionRow::decode(content)?),
        table::Table::Index => Proved::Index(fields.uuid()?, fields.uuid()?),
        table::Table::Metadata => Proved::Metadata(fields.uuid()?, content.to_vec()),
        table::Table::Names => Proved::Name(
            String::from_utf8(key.to_vec()).map_err(|err| err.to_string())?,
            content.to_vec(),
        ),
        table::Table::Filters | table::Table::SessionsByUse => {
            return Err("it is made of other rows".to_owned());
        }
        table::Table::Meta => Proved::Checkpointed(Checkpointed::decode(value)?),
        table::Table::Values => {
            let halves = (fields.uuid()?, fields.uuid()?);
            Proved::Value(ValueName::of_halves(halves))
        }
        table::Table::Groups => {
            let (group, _) = (fields.uuid()?, fields.uuid()?);
            Proved::Group(group, fields.u64()?)
        }
    })
}

/// Where in the order of its table a row stands, for tables whose keys begin with ids.
pub(crate) type Place = (Uuid, Uuid, u64);

/// The place that a key names.
pub(crate) fn place_of(key: &[u8]) -> Option<Place> {
    let mut fields = Reader::new(key);
    let first = fields.uuid().ok()?;
    let second = fields.uuid().unwrap_or(Uuid::nil());
    Some((first, second, fields.u64().unwrap_or(0)))
}

/// The rows of a damaged leaf that prove themselves, and where in the page they stand.
///
/// The page is not what its link says. If all its rows prove themselves nothing in it shows
/// damage, and it may be an older page that a write should have replaced: then none is believed.
/// Rows are looked for only where the page says that they are, since behind the last one there
/// may be what was removed.
pub(crate) fn rows_of_damaged_leaf(table: Table, page: &[u8]) -> Vec<(Proved, Range<usize>)> {
    let slots = slots(table, page);
    let count = slots.count;
    let mut rows = Vec::new();
    let mut sound = 0;
    let mut next = slots.values_start;
    for number in 0..count {
        let start = next;
        let end = slots.value_end(page, number);
        let rest = page.get(start..).unwrap_or_default();
        let lens = table.row_lens(rest).into_iter();
        let own_ends: Vec<_> = lens
            .filter_map(|len| start.checked_add(len))
            .filter(|end| *end <= page.len())
            .collect();
        let key = slots.key(page, number);
        let proved = end.iter().chain(&own_ends).find_map(|end| {
            let value = page.get(start..*end)?;
            Some((prove(table, key?, value).ok()?, start..*end))
        });
        next = end
            .filter(|end| (start..=page.len()).contains(end))
            .or(proved.as_ref().map(|(_, range)| range.end))
            .or(own_ends.first().copied())
            .unwrap_or(page.len());
        if let Some((row, range)) = proved {
            let in_place = match &row {
                Proved::Run(run) => {
                    let own = (run.log.session, run.log.segment, run.number);
                    key.and_then(place_of) == Some(own)
                }
                _ => true,
            };
            sound += usize::from(in_place && end == Some(range.end));
            next = range.end;
            rows.push((row, range));
        }
    }
    if sound == count {
        return Vec::new();
    }
    rows
}

/// Where a leaf says that its keys and values are. Nothing of it need be true.
struct Slots {
    count: usize,
    key_width: Option<usize>,
    value_ends: usize,
    keys_start: usize,
    values_start: usize,
}

fn slots(table: Table, page: &[u8]) -> Slots {
    let count = page.get(2..).and_then(|rest| rest.first_chunk());
    let count = count.map_or(0, |count| usize::from(u16::from_le_bytes(*count)));
    let key_width = table.widths().key;
    let value_ends = 4 + if key_width.is_none() { 4 * count } else { 0 };
    let keys_start = value_ends + 4 * count;
    let mut slots = Slots {
        count,
        key_width,
        value_ends,
        keys_start,
        values_start: 0,
    };
    slots.values_start = count
        .checked_sub(1)
        .and_then(|last| slots.key_end(page, last))
        .unwrap_or(page.len());
    slots
}

impl Slots {
    fn key_end(&self, page: &[u8], number: usize) -> Option<usize> {
        match self.key_width {
            Some(width) => Some(self.keys_start + width * (number + 1)),
            None => read_end(page, 4 + 4 * number),
        }
    }

    fn key<'p>(&self, page: &'p [u8], number: usize) -> Option<&'p [u8]> {
        let start = match number.checked_sub(1) {
            Some(before) => self.key_end(page, before)?,
            None => self.keys_start,
        };
        page.get(start..self.key_end(page, number)?)
    }

    fn value_end(&self, page: &[u8], number: usize) -> Option<usize> {
        read_end(page, self.value_ends + 4 * number)
    }
}

fn read_end(page: &[u8], at: usize) -> Option<usize> {
    let end = page.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*end)).ok()
}

/// Whether a branch that is not what its link says holds something that no writer ever wrote. If
/// not, it may be an older page that a write should have replaced.
pub(crate) fn shows_damage(page: &[u8], widths: Widths) -> bool {
    let Ok(Node::Branch(branch)) = Node::parse(page, widths) else {
        return true;
    };
    let keys: Vec<_> = branch.keys().map(place_of).collect();
    let pages: Vec<_> = branch.links().map(|link| link.page).collect();
    let mut distinct = pages.clone();
    distinct.sort_unstable();
    distinct.dedup();
    widths.key.is_some() && !keys.is_sorted_by(|left, right| left < right)
        || distinct.len() < pages.len()
}
