//! Short ids: the beginning by which a session or a segment can be named now.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sessiondb::archive::Match;
use sessiondb::{SegmentId, SessionId, Snapshot};

use crate::exit::Failure;

/// The fewest characters, which stay unique for a while.
const FEWEST: usize = 8;

/// Fewer that are found are all that there are.
const ALL: usize = 100;

/// Tells the beginning of a session's id that names no other one.
pub(crate) type Short<'s> = &'s (dyn Fn(SessionId) -> Result<String, Failure> + Sync);

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
    beginning(session, |beginning| {
        let mut found = matching(now, beginning)?.into_iter();
        Ok(found.find(|found| session_of(found) != session))
    })
}

fn session_of(found: &Match) -> SessionId {
    match found {
        Match::Session(session) | Match::Segment { session, .. } => *session,
    }
}

/// The same for many sessions, of which many may begin alike: what was found for one is used for others.
pub(crate) struct ShortIds<'s> {
    now: &'s Snapshot,
    found: Mutex<Found>,
}

/// What was found by beginnings of ids.
#[derive(Default)]
struct Found {
    /// All that there is from one id to another one; none is within another one.
    ranges: BTreeMap<u128, (u128, Arc<[Match]>)>,
    /// Of beginnings that have more than is told.
    crowds: HashMap<String, Arc<[Match]>>,
}

impl<'s> ShortIds<'s> {
    pub(crate) fn new(now: &'s Snapshot) -> Self {
        let found = Mutex::default();
        Self { now, found }
    }

    /// What [`short_session`] tells.
    pub(crate) fn of(&self, session: SessionId) -> Result<String, Failure> {
        let others = |found: &Arc<[Match]>| {
            let others = found.iter().filter(|found| session_of(found) != session);
            others
                .map(|other| shared_digits(id_of(other), session))
                .max()
        };
        if let Some(shared) = self.range_of(session).as_ref().and_then(others) {
            return Ok(short_by(session, shared));
        }
        beginning(session, |beginning| {
            let found = self.matching(beginning)?;
            let other = found.iter().find(|found| session_of(found) != session);
            Ok(other.copied())
        })
    }

    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range_of(&self, session: SessionId) -> Option<Arc<[Match]>> {
        let id = session.as_u128();
        let found = self.found();
        let (_, (to, range)) = found.ranges.range(..=id).next_back()?;
        (id <= *to).then(|| range.clone())
    }

    fn matching(&self, beginning: &str) -> Result<Arc<[Match]>, Failure> {
        if let Some(crowd) = self.found().crowds.get(beginning) {
            return Ok(crowd.clone());
        }
        let new: Arc<[Match]> = matching(self.now, beginning)?.into();
        // Most beginnings are those of one session alone.
        if new.len() > 2 {
            let mut found = self.found();
            if new.len() < ALL {
                let (from, to) = range(beginning);
                let within = found.ranges.range(from..=to).map(|(from, _)| *from);
                for narrower in within.collect::<Vec<_>>() {
                    found.ranges.remove(&narrower);
                }
                found.ranges.insert(from, (to, new.clone()));
            } else {
                found.crowds.insert(beginning.to_owned(), new.clone());
            }
        }
        Ok(new)
    }
}

/// The lowest and the highest id that begin so.
fn range(beginning: &str) -> (u128, u128) {
    let digits = beginning.chars().filter_map(|c| c.to_digit(16));
    let add = |(id, bits), digit| ((id << 4) | u128::from(digit), bits + 4);
    let (id, bits): (u128, u32) = digits.fold((0, 0), add);
    let behind = u128::MAX.checked_shr(bits).unwrap_or(0);
    let from = id.checked_shl(128 - bits).unwrap_or(0);
    (from, from | behind)
}

fn id_of(found: &Match) -> SegmentId {
    match found {
        Match::Session(session) => *session,
        Match::Segment { segment, .. } => *segment,
    }
}

/// How many digits two ids have in common at their beginning.
fn shared_digits(one: SegmentId, other: SessionId) -> usize {
    let differ = one.as_u128() ^ other.as_u128();
    usize::try_from(differ.leading_zeros() / 4).unwrap_or_default()
}

/// The beginning of a session's id where others have so many digits of it.
pub(crate) fn short_by(session: SessionId, shared_digits: usize) -> String {
    let mut id = session.to_string();
    let digits = FEWEST.max(shared_digits + 1);
    let hyphens = [8, 12, 16, 20].iter().filter(|at| digits > **at);
    id.truncate(digits + hyphens.count());
    id
}

/// The beginning of a segment's id that names nothing else.
pub(crate) fn short_segment(
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<String, Failure> {
    beginning(segment, |beginning| {
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
    id: SegmentId,
    other: impl Fn(&str) -> Result<Option<Match>, Failure>,
) -> Result<String, Failure> {
    let id = id.to_string();
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
    Ok(id)
}

#[cfg(test)]
mod tests {
    use sessiondb::Archive;

    use super::*;

    #[test]
    fn ids_of_a_list_are_as_short_as_one_by_one() {
        let archive = Archive::in_memory().unwrap();
        let mut sessions = Vec::new();
        let mut put = |session: u128, segment: u128| {
            let session = SessionId::from_u128(session);
            let log = archive.log(session, SegmentId::from_u128(segment));
            log.append(&1).unwrap();
            sessions.push(session);
        };
        let begin = 0x01a2_2285_af69_7000_8000_0000_0000_0000;
        for number in 1..=150 {
            // A crowd that differs in its last digits, one that differs in the middle, and ids that have little in common.
            put(begin + number, begin + (number << 20));
            put(begin + (number << 60), begin + (number << 60) + 1);
            put(number << 121, number << 120);
        }
        // A segment of another session has the id of a session, and a session has many segments that begin alike.
        put(begin + (7 << 100), begin + 3);
        for number in 1..=120 {
            put(begin + (8 << 100), begin + (8 << 100) + number);
        }
        let now = archive.snapshot().unwrap();
        let short = ShortIds::new(&now);
        for session in sessions {
            assert_eq!(
                short.of(session).unwrap(),
                short_session(&now, session).unwrap()
            );
        }
    }
}
