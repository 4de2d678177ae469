//! Any bytes as the row of a run: the codec takes what `docs/format.md` says that a row is, gives
//! the same entries for it, and writes it again byte for byte.
//!
//! The input is read as it is, and once more with the right checksum in front, without which
//! hardly any input would get further.

use sessiondb::testing::{decode_run, encode_run};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

pub(crate) fn check(data: &[u8]) {
    agree(data);
    if let Some((_, body)) = data.split_first_chunk::<8>() {
        agree(&[&xxh3_64(body).to_le_bytes()[..], body].concat());
    }
}

fn agree(row: &[u8]) {
    let found = decode_run(&[row]);
    let Some(naive) = naive_row(row) else {
        assert!(found.is_err(), "accepts what is no row: {found:?}");
        return;
    };
    assert_eq!(found.as_deref(), Ok(&naive.entries[..]));
    let entries: Vec<&[u8]> = naive.entries.iter().map(Vec::as_slice).collect();
    let again = |level| {
        let (kind, session, segment) = (naive.kind, naive.session, naive.segment);
        encode_run(kind, session, segment, naive.first, &entries, level)
    };
    if row[13] == 0 {
        let again = again(None);
        assert_eq!(again, Some(vec![row.to_vec()]), "written again it differs");
    }
    let compressed = again(Some(1)).expect("the kind is known");
    let rows: Vec<&[u8]> = compressed.iter().map(Vec::as_slice).collect();
    assert_eq!(decode_run(&rows).as_ref(), Ok(&naive.entries));
}

struct NaiveRow {
    kind: u8,
    session: Uuid,
    segment: Uuid,
    first: u64,
    entries: Vec<Vec<u8>>,
}

/// Reads a row by the byte map on the page.
fn naive_row(row: &[u8]) -> Option<NaiveRow> {
    let number = |at: usize| Some(u64::from_le_bytes(row.get(at..at + 8)?.try_into().ok()?));
    let id = |at: usize| Some(Uuid::from_bytes(row.get(at..at + 16)?.try_into().ok()?));
    let (kind, stored) = (*row.get(12)?, row.get(68..)?);
    let payload = match row[13] {
        0 => stored.to_vec(),
        1 => unpacked(stored)?,
        _ => return None,
    };
    let entries: Vec<Vec<u8>> = payload
        .split(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    let count = u32::from_le_bytes(row.get(56..60)?.try_into().ok()?);
    let is_row = number(0)? == xxh3_64(&row[8..])
        && row[8..12] == *b"sRun"
        && (kind == 1 || kind == 2)
        && row[14..16] == [0, 0]
        && number(60)? == stored.len() as u64
        && u64::from(count) == entries.len() as u64;
    is_row.then_some(NaiveRow {
        kind,
        session: id(16)?,
        segment: id(32)?,
        first: number(48)?,
        entries,
    })
}

/// What four bytes with a length and a frame unpack to, if it is just that long.
fn unpacked(stored: &[u8]) -> Option<Vec<u8>> {
    let (len, frame) = stored.split_first_chunk()?;
    let len = u64::from(u32::from_le_bytes(*len));
    if len > 256 << 20 {
        return None;
    }
    // In one go, as the library does: read part by part, other frames would do, and not those with a window that is wider
    // than memory.
    let unpacked = zstd::bulk::decompress(frame, usize::try_from(len).ok()?).ok()?;
    let is_whole = !frame.is_empty() && unpacked.len() as u64 == len;
    is_whole.then_some(unpacked)
}
