//! The sessions of an archive with their summaries, those that were active last first.

mod filter;
mod listed;
mod short;

use std::collections::{BinaryHeap, VecDeque};

use sessiondb::archive::Sessions;
use sessiondb::{SessionId, SessionInfo, Snapshot};

pub(crate) use self::filter::Filter;
pub(crate) use self::listed::{Listed, to_signed, with_home};
pub(crate) use self::short::{Short, ShortIds, short_segment, short_session};
#[cfg(feature = "remote")]
pub(crate) use self::short::{short_by, shorten_among};
use crate::args::FilterArgs;
use crate::cores;
use crate::exit::{Code, Failure};

/// How many bytes of entries that no summary covers yet are read for a list.
pub(crate) const MOST_NEW_BYTES: u64 = 256 << 20;
/// How many sessions are looked at before the first one is given.
const AHEAD: usize = 256;
/// The most sessions whose summaries are read at once.
const AT_ONCE: usize = 4096;
/// Of fewer they are read sooner by one thread.
const WORTH_A_THREAD: usize = 64;

/// All sessions, those that were active last first.
///
/// Activity is what the entries say, and no session is active later than it was written to. So the
/// summaries of those that were written to long ago are not read before they are asked for.
pub(crate) fn sessions(now: &Snapshot) -> Result<ByActivity, Failure> {
    Ok(ByActivity {
        rest: now.sessions_by_last_use()?,
        at_once: AHEAD,
        next: VecDeque::new(),
        is_at_end: false,
        failed: None,
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
) -> Result<impl Iterator<Item = Result<Listed<'static>, Failure>> + 'a, Failure> {
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
pub(crate) fn newest(now: &Snapshot) -> Result<Listed<'static>, Failure> {
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
    /// How many of the rest are read the next time.
    at_once: usize,
    /// The next of them, with their stored summaries if these cover all.
    next: VecDeque<(SessionInfo, Result<Option<Listed<'static>>, Failure>)>,
    is_at_end: bool,
    /// Why there are no more behind these.
    failed: Option<Failure>,
    found: BinaryHeap<Found>,
    /// How many sessions are still to be looked at before the first one is given.
    ahead: usize,
    /// How many bytes may still be read.
    left: u64,
}

impl ByActivity {
    /// What the next session is, if there is one.
    fn peek(&mut self) -> Result<Option<&SessionInfo>, Failure> {
        if self.next.is_empty() && !self.is_at_end {
            self.read_ahead()?;
        }
        Ok(self.next.front().map(|(info, _)| info))
    }

    fn read_ahead(&mut self) -> Result<(), Failure> {
        let mut infos = Vec::new();
        while self.failed.is_none() && infos.len() < self.at_once {
            match self.rest.next() {
                Some(Ok(info)) => infos.push(info),
                Some(Err(error)) => self.failed = Some(error.into()),
                None => break,
            }
        }
        if infos.is_empty() {
            self.is_at_end = true;
            // Those before one that cannot be read came first.
            return self.failed.take().map_or(Ok(()), Err);
        }
        self.at_once = AT_ONCE.min(2 * self.at_once);
        let stored = |info| Listed::stored(&self.now, info);
        let stored = cores::each(&infos, WORTH_A_THREAD, stored);
        self.next.extend(infos.into_iter().zip(stored));
        Ok(())
    }

    fn look_at_next(&mut self) -> Result<bool, Failure> {
        if self.peek()?.is_none() {
            return Ok(false);
        }
        if let Some((info, stored)) = self.next.pop_front() {
            let session = match stored? {
                Some(session) => session,
                None => Listed::read_new(&self.now, info, &mut self.left)?,
            };
            self.found.push(Found::new(session));
        }
        Ok(self.peek()?.is_some())
    }

    fn advance(&mut self) -> Result<Option<Listed<'static>>, Failure> {
        while self.ahead > 0 && self.look_at_next()? {
            self.ahead -= 1;
        }
        self.ahead = 0;
        loop {
            let last = self.found.peek().map(|found| found.rank.0);
            let next = self.peek()?;
            match (next, last) {
                (Some(next), Some(last)) if last < to_signed(next.updated_ms) => {}
                (None, None) => return Ok(None),
                (Some(_), None) => {}
                (_, Some(_)) => return Ok(self.found.pop().map(|found| *found.session)),
            }
            self.look_at_next()?;
        }
    }
}

impl Iterator for ByActivity {
    type Item = Result<Listed<'static>, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// A session in its order.
struct Found {
    rank: (i64, SessionId),
    session: Box<Listed<'static>>,
}

impl Found {
    fn new(session: Listed<'static>) -> Self {
        Self {
            rank: (session.activity_ms(), session.info.id),
            session: Box::new(session),
        }
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
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
        self.rank.cmp(&other.rank)
    }
}
