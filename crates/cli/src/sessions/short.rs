//! Short ids: the beginning by which a session or a segment can be named now.

use sessiondb::archive::Match;
use sessiondb::{SegmentId, SessionId, Snapshot};

use crate::exit::Failure;

/// The fewest characters, which stay unique for a while.
const FEWEST: usize = 8;

/// Tells the beginning of a session's id that names no other one.
pub(crate) type Short<'s> = &'s dyn Fn(SessionId) -> Result<String, Failure>;

/// What has an id that begins so.
#[cfg(feature = "remote")]
type Matching = Box<dyn Fn(&str) -> Vec<Match> + Send + Sync>;

/// What has ids, where the archive at hand is a part of more.
#[cfg(feature = "remote")]
static AMONG: std::sync::OnceLock<Matching> = std::sync::OnceLock::new();

/// From now on ids are short among these, of which the archive at hand has a part.
#[cfg(feature = "remote")]
pub(crate) fn shorten_among(matching: Matching) {
    // They are set once: a command reads one remote.
    let _ = AMONG.set(matching);
}

fn matching(now: &Snapshot, beginning: &str) -> Result<Vec<Match>, Failure> {
    #[cfg(feature = "remote")]
    if let Some(among) = AMONG.get() {
        return Ok(among(beginning));
    }
    Ok(now.matching(beginning)?)
}

/// The beginning of a session's id that names no other session, and no segment of another one.
pub(crate) fn short_session(now: &Snapshot, session: SessionId) -> Result<String, Failure> {
    short_session_of(session, |beginning| matching(now, beginning))
}

/// The same where `matching` tells what else has ids.
pub(crate) fn short_session_of(
    session: SessionId,
    matching: impl Fn(&str) -> Result<Vec<Match>, Failure>,
) -> Result<String, Failure> {
    beginning(matching, &session.to_string(), |found| match found {
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
    let matching = |beginning: &str| matching(now, beginning);
    beginning(matching, &segment.to_string(), |found| match found {
        Match::Session(other) => *other == segment,
        Match::Segment {
            session: of,
            segment: other,
        } => *other == segment && *of == session,
    })
}

fn beginning(
    matching: impl Fn(&str) -> Result<Vec<Match>, Failure>,
    id: &str,
    is_meant: impl Fn(&Match) -> bool,
) -> Result<String, Failure> {
    let mut len = FEWEST;
    while let Some(short) = id.get(..len).filter(|short| short.len() < id.len()) {
        let found = matching(short)?;
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
