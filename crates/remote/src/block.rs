//! A block: the lines of consecutive entries, compressed by themselves, and verified when they are read.

use crate::error::RemoteError;
use crate::hash::Sum;
use crate::record::Part;
use crate::remote::Remote;

/// The most bytes of lines in a block, unless one entry has more.
pub(crate) const BLOCK_BYTES: u64 = 1 << 20;
/// How hard is compressed: what leaves the machine is slower than this.
const LEVEL: i32 = 3;

pub(crate) fn pack(lines: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(lines, LEVEL)
}

/// The lines of a part, out of the bytes of its block.
pub(crate) fn unpack(remote: &Remote, part: &Part, block: &[u8]) -> Result<Vec<u8>, RemoteError> {
    let key = crate::names::pack(&part.pack);
    let damaged = |cause: &str| {
        let place = format!("the block at {}: {cause}", part.at);
        remote.damaged(&key, &place)
    };
    let bytes = usize::try_from(part.bytes).map_err(|_| damaged("it is too large"))?;
    let lines = zstd::bulk::decompress(block, bytes).map_err(|_| damaged("it does not unpack"))?;
    if lines.len() != bytes || Sum::of(&lines) != part.sum {
        return Err(damaged(
            "its lines do not have the hash that the manifest says",
        ));
    }
    let count = lines.split(|byte| *byte == b'\n').count() as u64 - 1;
    if count != part.end.saturating_sub(part.first) || lines.last() != Some(&b'\n') {
        return Err(damaged(
            "it does not have the entries that the manifest says",
        ));
    }
    Ok(lines)
}
