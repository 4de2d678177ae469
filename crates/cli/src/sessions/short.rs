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
    short_session_of(session, |beginning| {
        let mut found = matching(now, beginning)?.into_iter();
        Ok(found.find(|found| match found {
            Match::Session(other) => *other != session,
            Match::Segment { session: of, .. } => *of != session,
        }))
    })
}

/// The same where `other` tells what else has an id that begins so.
pub(crate) fn short_session_of(
    session: SessionId,
    other: impl Fn(&str) -> Result<Option<Match>, Failure>,
) -> Result<String, Failure> {
    beginning(&session.to_string(), other)
}

/// The beginning of a segment's id that names nothing else.
pub(crate) fn short_segment(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<String, Failure> {
    beginning(&segment.to_string(), |beginning| {
        let mut found = matching(now, beginning)?.into_iter();
        Ok(found.find(|found| match found {
            Match::Session(other) => *other != segment,
            Match::Segment {
                session: of,
                segment: other,
            } => *other != segment || *of != session,
        }))
    })
}

/// `other` tells something that is not meant and has an id that begins so.
fn beginning(
    id: &str,
    other: impl Fn(&str) -> Result<Option<Match>, Failure>,
) -> Result<String, Failure> {
    let mut len = FEWEST;
    while let Some(short) = id.get(..len).filter(|short| short.len() < id.len()) {
        let other = match other(short)? {
            None => return Ok(short.trim_end_matches('-').to_owned()),
            Some(Match::Session(session)) => session.to_string(),
            Some(Match::Segment { segment, .. }) => segment.to_string(),
        };
        let shared = id.bytes().zip(other.bytes());
        len = shared.take_while(|(a, b)| a == b).count() + 1;
        len = len.max(short.len() + 1);
    }
    Ok(id.to_owned())
}
