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
use crate::engine::model::run_row::{Packed, RunRow};
use crate::engine::model::shared_value::Values;
use crate::engine::model::value_row;
use crate::engine::open::create::create_in;
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
