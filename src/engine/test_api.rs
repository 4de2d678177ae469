//! What tests reach of the engine without an archive around it: the codecs, and storage in memory.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use uuid::Uuid;

use crate::engine::file::place::Place;
use crate::engine::file::superblock::{JOURNAL_OFFSET, Superblock};
use crate::engine::journal::{Frame, Journal, Position, codec};
use crate::engine::model::compress;
use crate::engine::model::entries::Entries;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::row::seal;
use crate::engine::model::run_row::{Packed, RunRow};
use crate::engine::model::shared_value::{Skeleton, Taken, ValueName, Values, decode_refs};
use crate::engine::model::table::Table;
use crate::engine::model::value_row::{self, GroupHead, HEAD, ValueUse, group_rows, key_bytes};
use crate::engine::model::word_filter::{Builder, WordFilter, Words};
use crate::engine::open::create::create_in;
use crate::engine::open::handle::Engine;
use crate::engine::rewrite::compact::compact_into;
use crate::error::StoreError;

/// Reads bytes as the rows of a run, by themselves. Returns its entries.
///
/// # Errors
///
/// What makes them no rows of a run.
pub fn decode_run(rows: &[&[u8]]) -> Result<Vec<Vec<u8>>, String> {
    let (row, chunks) = rows.split_first().ok_or("there is no row")?;
    let run = RunRow::parse(row)?.unpack(chunks.iter().copied())?;
    let run = run.with(&Values::new())?;
    Ok(run.entries().iter().map(<[u8]>::to_vec).collect())
}

/// The entries of all runs whose rows stand anywhere in the bytes, one after the other. Of chunks
/// that stand there several times the last one is taken.
pub fn entries_in(bytes: &[u8]) -> Vec<u8> {
    const HEADER_BYTES: usize = 68;
    let rows = memchr::memmem::find_iter(bytes, b"sRun").filter_map(|magic| {
        let row = bytes.get(magic.checked_sub(8)?..)?;
        let len = u64::from_le_bytes(*row.get(HEADER_BYTES - 8..)?.first_chunk()?);
        let len = HEADER_BYTES.checked_add(usize::try_from(len).ok()?)?;
        let row = row.get(..len)?;
        Some((row, RunRow::parse(row).ok()?))
    });
    let rows: Vec<_> = rows.collect();
    let (chunks, runs): (Vec<_>, Vec<_>) = rows.iter().partition(|(_, row)| row.is_chunk());
    let chunks: HashMap<_, _> = chunks
        .into_iter()
        .map(|(bytes, row)| ((row.log, row.number), *bytes))
        .collect();
    let mut entries = Vec::new();
    for (_, run) in runs {
        let chunks = run
            .chunks()
            .filter_map(|number| chunks.get(&(run.log, number)));
        if let Ok(run) = run.unpack(chunks.copied()) {
            entries.extend_from_slice(run.left().payload());
        }
    }
    let mut values: BTreeMap<Uuid, BTreeMap<u32, &[u8]>> = BTreeMap::new();
    for piece in value_row::pieces_in(bytes) {
        let pieces = values.entry(piece.group).or_default();
        pieces.insert(piece.number, piece.bytes);
    }
    for pieces in values.values() {
        let stored: Vec<u8> = pieces.values().copied().flatten().copied().collect();
        entries.push(b'\n');
        match compress::decompress_until(&stored, MAX_VALUE_BYTES, |_| false) {
            Ok(value) => entries.extend_from_slice(&value),
            Err(_) => entries.extend_from_slice(&stored),
        }
    }
    entries
}

/// No value of a test is longer.
const MAX_VALUE_BYTES: usize = 64 << 20;

/// The rows for consecutive entries of a log, `kind` being 1, or of traces, 2, compressed if
/// `level` says how much. `None` for another kind.
pub fn encode_run(
    kind: u8,
    session: Uuid,
    segment: Uuid,
    first: u64,
    entries: &[&[u8]],
    level: Option<i32>,
) -> Option<Vec<Vec<u8>>> {
    let kind = LogKind::from_tag(kind)?;
    let mut joined = Entries::default();
    for entry in entries {
        joined.push(entry);
    }
    let log = LogId {
        session,
        segment,
        kind,
    };
    let packed = Packed::new(joined.payload(), level);
    if level.is_none() {
        return Some(vec![packed.into_row(&log, first, joined.len())]);
    }
    let rows = packed.into_rows(&log, first, joined.len()).into_iter();
    Some(rows.map(|(_, row)| row).collect())
}

/// The group that values of tests are in.
const GROUP: Uuid = Uuid::from_u128(5);

/// Takes all large strings out of joined entries, stores them as one group, lets `damage` change its rows, and
/// returns the entries put together from what can be read again.
///
/// # Errors
///
/// What is wrong with the rows.
pub fn share_values(
    lines: &[u8],
    level: Option<i32>,
    damage: impl FnOnce(&mut Vec<(u64, Vec<u8>)>),
) -> Result<Vec<u8>, String> {
    let mut values = BTreeMap::new();
    let taken = Taken::out_of(lines, |_, value| {
        let name = ValueName::of(value);
        values.insert(name, value.to_vec());
        Some(name)
    });
    let Some(taken) = taken else {
        return Ok(lines.to_vec());
    };
    let whole = u32::try_from(lines.len()).map_err(|err| err.to_string())?;
    let row = [taken.encode(whole), taken.left].concat();
    let values: Vec<_> = values.into_iter().collect();
    let mut rows = group_rows(GROUP, &values, level);
    damage(&mut rows);
    let group = read_group(&rows);
    let value = |name: &ValueName| match &group {
        Ok(group) => group.value(name).map(<[u8]>::to_vec),
        Err(message) => Err(message.clone()),
    };
    let values = values.iter().map(|(name, _)| (*name, value(name)));
    join(&row, &values.collect())
}

fn read_group(rows: &[(u64, Vec<u8>)]) -> Result<value_row::Group, String> {
    let ((_, head), pieces) = rows.split_first().ok_or("there is no head")?;
    let head = GroupHead::unseal(GROUP, head)?;
    if !head.numbers().eq(pieces.iter().map(|(number, _)| *number)) {
        return Err("a piece is missing".to_owned());
    }
    let pieces = pieces.iter();
    let pieces = pieces.map(|(number, row)| value_row::piece(GROUP, *number, row));
    head.unpack(&pieces.collect::<Result<Vec<_>, _>>()?)
}

/// The entries that a row without its values gives with these.
fn join(row: &[u8], values: &Values) -> Result<Vec<u8>, String> {
    let (whole, refs, left) = decode_refs(row)?;
    let left = Entries::from_lines(left.to_vec());
    let run = Skeleton::new(0, left, refs)?.with(values)?;
    let lines = run.entries().payload();
    (lines.len() == whole)
        .then(|| lines.to_vec())
        .ok_or_else(|| "it has another length".to_owned())
}

/// Reads bytes as rows of shared values that have the right checksums: as the head of a group with these stored
/// bytes, as a piece, as what is known of a value, and as what stands before the entries of a run, of which every
/// value is there with as many bytes as are asked for. Returns what is read of the group and of the run.
pub fn read_values(bytes: &[u8], stored: &[u8]) -> [Result<Vec<u8>, String>; 2] {
    let content = value_row::PIECE.iter().chain(bytes).copied();
    let piece = seal(
        Table::Groups,
        &key_bytes(GROUP, 1),
        &content.collect::<Vec<_>>(),
    );
    let _ = value_row::piece(GROUP, 1, &piece);
    let name = ValueName::of(stored);
    let _ = ValueUse::unseal(&name, &seal(Table::Values, &name.0, bytes));
    let mut head = bytes.to_vec();
    let sums = (stored.len() as u64, xxhash_rust::xxh3::xxh3_64(stored));
    let sums = [sums.0.to_le_bytes(), sums.1.to_le_bytes()].concat();
    for (to, from) in head.iter_mut().skip(8).zip(sums) {
        *to = from;
    }
    let head = GroupHead::unseal(GROUP, &seal(Table::Groups, &key_bytes(GROUP, HEAD), &head));
    let group = head.and_then(|head| head.unpack(&[stored]));
    let group = group.map(|group| {
        group
            .values()
            .flat_map(|(_, value)| value.to_vec())
            .collect()
    });
    let run = decode_refs(bytes).and_then(|(_, refs, _)| {
        let lens = refs.iter().map(|value| value.len as usize);
        if lens.sum::<usize>() > MAX_VALUE_BYTES {
            return Err("it is too large for a test".to_owned());
        }
        let value = |len| Ok(vec![b'v'; len]);
        let values = refs.iter();
        let values = values.map(|one| (one.name, value(one.len as usize)));
        join(bytes, &values.collect())
    });
    [group, run]
}

/// Whether the filter of a run of these entries says that all words of the text may be there; `None` if none count.
pub fn filter_of_run_may_have(entries: &[u8], text: &str) -> Option<bool> {
    let filter = Builder::default().filter(entries, 7, 1);
    filter_may_have(&filter, text).ok().flatten()
}

/// Whether bytes that are read as a filter say that all words of the text may be there; `None` if none count.
///
/// # Errors
///
/// What makes them no filter.
pub fn filter_may_have(filter: &[u8], text: &str) -> Result<Option<bool>, String> {
    let filter = WordFilter::parse(filter)?;
    let words = Words::of(text);
    Ok((!words.is_empty()).then(|| words.may_be_in(&filter)))
}

/// Reads bytes as the journal of a new archive, and the frames that count as ops. Returns the
/// bytes of all their payloads.
///
/// # Errors
///
/// What makes a frame that counts no list of ops.
pub fn scan_journal(bytes: &[u8]) -> Result<u64, String> {
    let mut payload_bytes = 0;
    each_frame(bytes, |frame| {
        codec::decode_all(frame.payload())?;
        payload_bytes += frame.payload().len() as u64;
        Ok(())
    })?;
    Ok(payload_bytes)
}

/// The payloads of the frames that count, of a journal that begins with epoch 1, number 0 and
/// chain 0.
///
/// # Errors
///
/// Those of storage in memory.
pub fn journal_frames(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut payloads = Vec::new();
    each_frame(bytes, |frame| {
        payloads.push(frame.payload().to_vec());
        Ok(())
    })?;
    Ok(payloads)
}

/// Reads a payload as ops, and writes them again.
///
/// # Errors
///
/// What makes it no list of ops.
pub fn recode_ops(payload: &[u8]) -> Result<Vec<u8>, String> {
    let mut again = Vec::with_capacity(payload.len());
    for op in codec::decode_all(payload)? {
        codec::encode(&op, &mut again);
    }
    Ok(again)
}

/// The frames that count in a journal that begins with epoch 1, number 0 and chain 0.
fn each_frame(
    bytes: &[u8],
    mut visit: impl FnMut(&Frame) -> Result<(), String>,
) -> Result<(), String> {
    let file = InMemoryBackend::new();
    let placed = file
        .set_len(JOURNAL_OFFSET + bytes.len() as u64)
        .and_then(|()| file.write(JOURNAL_OFFSET, bytes));
    placed.map_err(|err| err.to_string())?;
    let journal = Journal::new(bytes.len() as u64, 0);
    let mut at = Position::start_of(1, 0, 0);
    loop {
        let read = journal.read(&file, &at).map_err(|err| err.to_string())?;
        match read {
            Some((frame, behind)) => {
                visit(&frame)?;
                at = behind;
            }
            None if at.epoch == 1 => at = at.next_epoch(),
            None => return Ok(()),
        }
    }
}

/// Makes an archive in memory.
pub(crate) fn create_in_memory(
    superblock: &Superblock,
) -> Result<Arc<dyn StorageBackend>, StoreError> {
    let memory = Memory(Arc::new(InMemoryBackend::new()));
    create_in(&memory, Path::new(":memory:"), superblock)?;
    Ok(memory.0)
}

/// Writes a fresh copy of an archive into memory.
pub(crate) fn compact_in_memory(engine: &Engine) -> Result<Arc<dyn StorageBackend>, StoreError> {
    let memory = Memory(Arc::new(InMemoryBackend::new()));
    compact_into(engine, &memory)?;
    Ok(memory.0)
}

/// A place with room for one file, which has no name.
struct Memory(Arc<dyn StorageBackend>);

impl Place for Memory {
    fn new_file(&self) -> io::Result<Arc<dyn StorageBackend>> {
        Ok(Arc::clone(&self.0))
    }

    fn publish(&self) -> io::Result<()> {
        Ok(())
    }

    fn replace(&self) -> io::Result<()> {
        Ok(())
    }

    fn remove_first_name(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
