//! Short ids: the beginning by which a session or a segment can be named now.

use sessiondb::archive::Match;
use sessiondb::{SegmentId, SessionId, Snapshot};

use crate::exit::Failure;

/// The fewest characters, which stay unique for a while.
const FEWEST: usize = 8;

/// The beginning of a session's id that names no other session, and no segment of another one.
pub(crate) fn short_session(now: &Snapshot, session: SessionId) -> Result<String, Failure> {
    beginning(now, &session.to_string(), |found| match found {
        Match::Session(other) => *other == session,
        Match::Segment { session: of, .. } => *of == session,
    })
}

/// The beginning of a segment's id that names nothing else.
pub(crate) fn short_segment(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<String, Failure> {
    beginning(now, &segment.to_string(), |found| match found {
        Match::Session(other) => *other == segment,
        Match::Segment {
            session: of,
            segment: other,
        } => *other == segment && *of == session,
    })
}

fn beginning(
    now: &Snapshot,
    id: &str,
    is_meant: impl Fn(&Match) -> bool,
) -> Result<String, Failure> {
    let mut len = FEWEST;
    while let Some(short) = id.get(..len).filter(|short| short.len() < id.len()) {
        let found = now.matching(short)?;
        let Some(other) = found.iter().find(|found| !is_meant(found)) else {
            return Ok(short.trim_end_matches('-').to_owned());
        };
        let other = match other {
            Match::Session(session) => session.to_string(),
            Match::Segment { segment, .. } => segment.to_string(),
        };
        let shared = id.bytes().zip(other.bytes());
        len = shared.take_while(|(a, b)| a == b).count() + 1;
        len = len.max(short.len() + 1);
    }
    Ok(id.to_owned())
}
