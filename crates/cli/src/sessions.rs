//! The sessions of an archive with their summaries, those that were active last first.

mod filter;
mod listed;
mod short;

use std::collections::BinaryHeap;

use sessiondb::archive::Sessions;
use sessiondb::{SessionId, SessionInfo, Snapshot};

pub(crate) use self::filter::Filter;
pub(crate) use self::listed::{Listed, to_signed, with_home};
pub(crate) use self::short::{Short, short_segment, short_session};
#[cfg(feature = "remote")]
pub(crate) use self::short::{short_session_of, shorten_among};
use crate::args::FilterArgs;
use crate::exit::{Code, Failure};

/// How many bytes of entries that no summary covers yet are read for a list.
pub(crate) const MOST_NEW_BYTES: u64 = 256 << 20;
/// How many sessions are looked at before the first one is given.
const AHEAD: usize = 256;
/// All sessions, those that were active last first.
///
/// Activity is what the entries say, and no session is active later than it was written to. So the
/// summaries of those that were written to long ago are not read before they are asked for.
pub(crate) fn sessions(now: &Snapshot) -> Result<ByActivity, Failure> {
    Ok(ByActivity {
        rest: now.sessions_by_last_use()?,
        next: None,
        found: BinaryHeap::new(),
        ahead: AHEAD,
        left: MOST_NEW_BYTES,
        now: now.clone(),
    })
}

/// The sessions that the filter takes, those that were active last first.
pub(crate) fn chosen<'a>(
    now: &'a Snapshot,
    filter: &'a Filter,
) -> Result<impl Iterator<Item = Result<Listed, Failure>> + 'a, Failure> {
    let mut all = sessions(now)?;
    Ok(std::iter::from_fn(move || {
        loop {
            let session = match all.next()? {
                Ok(session) => session,
                Err(failure) => return Some(Err(failure)),
            };
            match filter.takes(now, &session) {
                Ok(true) => return Some(Ok(session)),
                Ok(false) if filter.may_take_before(session.activity_ms()) => {}
                Ok(false) => return None,
                Err(failure) => return Some(Err(failure)),
            }
        }
    }))
}

/// The session that was active last, of those that are listed without being asked for.
pub(crate) fn newest(now: &Snapshot) -> Result<Listed, Failure> {
    let filter = Filter::new(&FilterArgs::default());
    if let Some(session) = chosen(now, &filter)?.next() {
        return session;
    }
    Err(no_newest())
}

/// That there is no session to be shown where none is named.
pub(crate) fn no_newest() -> Failure {
    Failure::new(
        Code::NotFound,
        "the archive has no session with entries; `sessiondb import` or `sessiondb sync` brings some in",
    )
}

/// The iterator of [`sessions`].
pub(crate) struct ByActivity {
    now: Snapshot,
    rest: Sessions,
    /// The next of the rest.
    next: Option<SessionInfo>,
    found: BinaryHeap<Found>,
    /// How many sessions are still to be looked at before the first one is given.
    ahead: usize,
    /// How many bytes may still be read.
    left: u64,
}

impl ByActivity {
    fn look_at_next(&mut self) -> Result<bool, Failure> {
        let info = match self.next.take() {
            Some(info) => info,
            None => match self.rest.next().transpose()? {
                Some(info) => info,
                None => return Ok(false),
            },
        };
        let session = Listed::read(&self.now, info, &mut self.left)?;
        self.found.push(Found(Box::new(session)));
        self.next = self.rest.next().transpose()?;
        Ok(self.next.is_some())
    }

    fn advance(&mut self) -> Result<Option<Listed>, Failure> {
        while self.ahead > 0 && self.look_at_next()? {
            self.ahead -= 1;
        }
        self.ahead = 0;
        loop {
            let last = self.found.peek().map(Found::activity_ms);
            match (&self.next, last) {
                (Some(next), Some(last)) if last < to_signed(next.updated_ms) => {}
                (None, None) => return Ok(None),
                (Some(_), None) => {}
                (_, Some(_)) => return Ok(self.found.pop().map(|found| *found.0)),
            }
            self.look_at_next()?;
        }
    }
}

impl Iterator for ByActivity {
    type Item = Result<Listed, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// A session in its order.
struct Found(Box<Listed>);

impl Found {
    fn activity_ms(&self) -> i64 {
        self.0.activity_ms()
    }

    fn rank(&self) -> (i64, SessionId) {
        (self.activity_ms(), self.0.info.id)
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}
