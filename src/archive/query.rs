//! Sessions page by page in the order of their last use.

use std::fmt;
use std::str::FromStr;

use super::info::SessionInfo;
use super::snapshot::Snapshot;
use crate::engine::{LastUse, Layers, UseRange};
use crate::error::StoreError;
use crate::ids::SessionId;

/// How many sessions a page has unless it is said.
const DEFAULT_LIMIT: usize = 50;
/// How many rows are read at a time where many are left out.
const ROWS_AT_A_TIME: usize = 64;

/// Which sessions a page is to have, for [`Snapshot::query_sessions`]: those that were written to last first.
/// Sessions in the [trash](crate::Archive::trash_session) and hidden ones are left out unless they are asked for.
///
/// ```
/// use sessiondb::archive::SessionQuery;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// for at_ms in 1..=5 {
///     archive.log(new_session_id(), new_segment_id()).with_timestamp(at_ms).append("hello")?;
/// }
/// let query = SessionQuery::new().limit(2).since_ms(2);
/// let first = archive.query_sessions(&query)?;
/// let times: Vec<u64> = first.sessions.iter().map(|session| session.updated_ms).collect();
/// assert_eq!(times, [5, 4]);
/// let next = first.next.expect("there are two more");
/// let second = archive.query_sessions(&query.after(&next))?;
/// assert_eq!((second.sessions.len(), second.next), (2, None));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionQuery {
    limit: usize,
    after: Option<SessionCursor>,
    since_ms: u64,
    until_ms: Option<u64>,
    trashed: bool,
    hidden: bool,
}

impl SessionQuery {
    /// The first 50 of the sessions that are neither in the trash nor hidden.
    pub fn new() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            after: None,
            since_ms: 0,
            until_ms: None,
            trashed: false,
            hidden: false,
        }
    }

    /// At most so many sessions on the page; 0 counts as 1. Default: 50.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.max(1);
        self
    }

    /// The page behind the one that gave this cursor.
    #[must_use]
    pub fn after(mut self, cursor: &SessionCursor) -> Self {
        self.after = Some(*cursor);
        self
    }

    /// Only sessions that were last written to at this time or later, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn since_ms(mut self, since_ms: u64) -> Self {
        self.since_ms = since_ms;
        self
    }

    /// Only sessions that were last written to before this time, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn until_ms(mut self, until_ms: u64) -> Self {
        self.until_ms = Some(until_ms);
        self
    }

    /// Whether sessions in the [trash](crate::Archive::trash_session) are listed as well. Default: `false`.
    #[must_use]
    pub fn trashed(mut self, trashed: bool) -> Self {
        self.trashed = trashed;
        self
    }

    /// Whether sessions that are [hidden](crate::Archive::hide_session) are listed as well. Default: `false`.
    #[must_use]
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    fn takes(&self, session: &SessionInfo) -> bool {
        (self.trashed || session.trashed_ms.is_none()) && (self.hidden || !session.hidden)
    }

    fn range(&self) -> UseRange {
        let until = self.until_ms.map(LastUse::beginning);
        let after = self.after.map(|cursor| cursor.0);
        UseRange {
            from: LastUse::beginning(self.since_ms),
            before: until.into_iter().chain(after).min(),
        }
    }
}

impl Default for SessionQuery {
    fn default() -> Self {
        Self::new()
    }
}

/// A page of sessions, made by [`Snapshot::query_sessions`].
///
/// ```
/// use sessiondb::archive::SessionQuery;
///
/// let page = sessiondb::Archive::in_memory()?.query_sessions(&SessionQuery::new())?;
/// assert!(page.sessions.is_empty() && page.next.is_none());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionPage {
    /// The sessions, those that were written to last first; of several with the same time the one with the highest id.
    pub sessions: Vec<SessionInfo>,
    /// Where the next page begins, if there are more sessions.
    pub next: Option<SessionCursor>,
}

/// Where a page of sessions ends and the next one begins. It can be shown and parsed again, and holds for every snapshot
/// of the archive: with each page from a new one, a session that is not written to meanwhile comes once. One that is written to may
/// come again, or not at all, as it takes its place in front.
///
/// ```
/// use sessiondb::archive::{SessionCursor, SessionQuery};
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// for _ in 0..3 {
///     archive.log(new_session_id(), new_segment_id()).append("hello")?;
/// }
/// let query = SessionQuery::new().limit(2);
/// let next = archive.query_sessions(&query)?.next.expect("there is one more");
/// let parsed: SessionCursor = next.to_string().parse()?;
/// assert_eq!(archive.query_sessions(&query.after(&parsed))?.sessions.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionCursor(LastUse);

impl fmt::Display for SessionCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.updated_ms, self.0.session)
    }
}

impl FromStr for SessionCursor {
    type Err = String;

    /// # Errors
    ///
    /// What is wrong, if the text is not that of a cursor.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(':').and_then(|(time, session)| {
            Some(LastUse::new(
                time.parse().ok()?,
                SessionId::try_parse(session).ok()?,
            ))
        });
        parsed.map(Self).ok_or_else(|| {
            format!("{text:?} is no cursor: give the `next` of a page as it was shown, MILLISECONDS:SESSION")
        })
    }
}

impl Snapshot {
    /// A page of sessions, those that were written to last first. Takes as long in an archive of many sessions as in one of few;
    /// in one that was made before the index of sessions by their last use each page is a pass over all sessions, until it is compacted.
    ///
    /// # Errors
    ///
    /// Those of a read: [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn query_sessions(&self, query: &SessionQuery) -> Result<SessionPage, StoreError> {
        let place = |last: &SessionInfo| LastUse::new(last.updated_ms, last.id);
        let mut range = query.range();
        let one_more = query.limit.saturating_add(1);
        let mut rows_at_a_time = one_more;
        let mut sessions = Vec::new();
        loop {
            let rows = self
                .view
                .read(|layers| layers.last_used(&range, rows_at_a_time))?;
            let found = self.infos(&rows)?;
            let last = found.last().map(place);
            let is_end = found.len() < rows_at_a_time;
            sessions.extend(found.into_iter().filter(|session| query.takes(session)));
            if is_end || sessions.len() > query.limit {
                break;
            }
            // Those that are left out may be many.
            range.before = last;
            rows_at_a_time = self.rows_at_a_time(one_more)?;
        }
        let is_last = sessions.len() <= query.limit;
        sessions.truncate(query.limit);
        let last = sessions.last().filter(|_| !is_last);
        let next = last.map(|last| SessionCursor(place(last)));
        Ok(SessionPage { sessions, next })
    }

    /// A query for pages of this size; for all sessions at once where each page would be a pass over all.
    pub(super) fn paged(&self, limit: usize) -> Result<SessionQuery, StoreError> {
        let limit = self.rows_at_a_time(limit)?;
        Ok(SessionQuery::new().limit(limit).trashed(true).hidden(true))
    }

    /// So many rows or some more; all of them where each look would be a pass over all.
    fn rows_at_a_time(&self, least: usize) -> Result<usize, StoreError> {
        let is_indexed = self
            .view
            .read(|layers: &Layers| layers.tables().has_sessions_by_use())?;
        Ok(if is_indexed {
            least.max(ROWS_AT_A_TIME)
        } else {
            usize::MAX
        })
    }
}
