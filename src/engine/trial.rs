//! What tests reach of the engine without an archive around it: the codecs, and storage in memory.

use std::io;
use std::path::Path;
use std::sync::Arc;

use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use uuid::Uuid;

use super::codec;
use super::create::{Place, create_in};
use super::journal::{Frame, Journal, Position};
use super::op::{LogId, LogKind};
use super::run::{Entries, FoundRun, Payload};
use super::superblock::{JOURNAL_OFFSET, Superblock};
use crate::store::StoreError;

/// Reads bytes as the row of a run, by itself. Returns its entries.
///
/// # Errors
///
/// What makes it no row of a run.
pub fn decode_run(row: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let found = FoundRun::parse(row)?;
    Ok(found.run.entries().iter().map(<[u8]>::to_vec).collect())
}

/// The row for consecutive entries of a log, `kind` being 1, or of traces, 2, compressed if
/// `level` says how much. `None` for another kind.
pub fn encode_run(
    kind: u8,
    session: Uuid,
    segment: Uuid,
    first: u64,
    entries: &[&[u8]],
    level: Option<i32>,
) -> Option<Vec<u8>> {
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
    Some(Payload::new(joined.payload(), level).row(&log, first, entries.len()))
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
