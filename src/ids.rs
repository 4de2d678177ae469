//! Identifiers of sessions and segments, and the clock that stamps them.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// Identifies a session: a conversation, a tree of segments.
///
/// New ones are version 7 UUIDs, so that descending order is newest first.
pub type SessionId = Uuid;

/// Identifies a segment: one append-only log of entries within a session.
///
/// New ones are version 7 UUIDs, so that descending order is newest first.
pub type SegmentId = Uuid;

/// Makes a fresh session id.
///
/// ```
/// assert_eq!(sessiondb::new_session_id().get_version_num(), 7);
/// ```
pub fn new_session_id() -> SessionId {
    Uuid::now_v7()
}

/// Makes a fresh segment id.
///
/// ```
/// assert_ne!(sessiondb::new_segment_id(), sessiondb::new_segment_id());
/// ```
pub fn new_segment_id() -> SegmentId {
    Uuid::now_v7()
}

/// The id of the segment for what differs from `segment`: at `index` it has `entry` instead. The
/// same entries have the same id each time, however many follow, so that importing or merging them
/// again finds them there.
pub(crate) fn diverged(segment: SegmentId, index: u64, entry: &[u8]) -> SegmentId {
    let hash = xxhash_rust::xxh3::xxh3_64(entry);
    Uuid::new_v5(
        &segment,
        format!("diverged at {index}: {hash:016x}").as_bytes(),
    )
}

/// The time now, in milliseconds since the Unix epoch; 0 if the clock stands before it.
pub fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_diverged_has_an_id_of_its_own() {
        let segment = Uuid::from_u128(1);
        let other = diverged(segment, 3, b"{}");
        assert_eq!(other, diverged(segment, 3, b"{}"));
        assert_ne!(other, diverged(segment, 4, b"{}"));
        assert_ne!(other, diverged(segment, 3, b"[]"));
        assert_ne!(other, diverged(other, 3, b"{}"));
    }
}
