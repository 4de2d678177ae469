//! The sessions of an archive and the segments of a session, one by one.

use super::info::{SegmentInfo, SessionInfo};
use super::query::SessionQuery;
use super::snapshot::Snapshot;
use crate::engine::Layers;
use crate::error::StoreError;
use crate::ids::SessionId;

impl Snapshot {
    /// All sessions in descending order of their ids (version 7 ids: newest first), those in the
    /// [trash](crate::Archive::trash_session) and those that are hidden too.
    pub fn sessions(&self) -> Sessions {
        Sessions::by_id(self.clone())
    }

    /// All sessions, those that were written to last first, read page by page, those in the trash and those that are
    /// hidden too; [`query_sessions`](Self::query_sessions) gives one page. In an archive that was made before the index of sessions by their last use, all are held in memory.
    ///
    /// # Errors
    ///
    /// Those of a read: [`StoreError::Damaged`], [`StoreError::Io`].
    pub fn sessions_by_last_use(&self) -> Result<Sessions, StoreError> {
        Sessions::by_last_use(self.clone())
    }

    /// The segments of a session in descending order of their ids, those with traces alone
    /// included; none if there is no such session.
    pub fn segments(&self, session: SessionId) -> Segments {
        Segments::new(self.clone(), session)
    }
}

/// The sessions of an archive, read page by page: by [`Archive::sessions`](crate::Archive::sessions) in
/// descending order of their ids, by [`Archive::sessions_by_last_use`](crate::Archive::sessions_by_last_use)
/// the last written to first. After an error it is at its end.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let (first, second) = (new_session_id(), new_session_id());
/// for (session, at_ms) in [(first, 2), (second, 1)] {
///     archive.log(session, new_segment_id()).with_timestamp(at_ms).append("hello")?;
/// }
/// let newest = archive.sessions()?.next().expect("there are two")?;
/// assert_eq!(newest.id, second);
/// let last_used = archive.sessions_by_last_use()?.next().expect("there are two")?;
/// assert_eq!(last_used.id, first);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Sessions {
    snapshot: Snapshot,
    /// How to read the next page, if there is one.
    next: Option<Next>,
    page: std::vec::IntoIter<SessionInfo>,
}

/// The next page of sessions.
#[derive(Debug)]
enum Next {
    /// Those with ids below this one; all, if there is none.
    Before(Option<SessionId>),
    Queried(SessionQuery),
}

impl Sessions {
    const PAGE: usize = 64;

    fn by_id(snapshot: Snapshot) -> Self {
        Self {
            snapshot,
            next: Some(Next::Before(None)),
            page: Vec::new().into_iter(),
        }
    }

    /// With the first page, since reading it may fail.
    fn by_last_use(snapshot: Snapshot) -> Result<Self, StoreError> {
        let mut sessions = Self {
            next: Some(Next::Queried(snapshot.paged(Self::PAGE)?)),
            ..Self::by_id(snapshot)
        };
        sessions.next_page()?;
        Ok(sessions)
    }

    fn next_page(&mut self) -> Result<(), StoreError> {
        let page = match self.next.take() {
            None => Vec::new(),
            Some(Next::Before(before)) => {
                let read = |layers: &Layers| layers.sessions_before(before, Self::PAGE);
                let (rows, next) = self.snapshot.view().read(read)?;
                self.next = next.map(|next| Next::Before(Some(next)));
                self.snapshot.infos(&rows)?
            }
            Some(Next::Queried(query)) => {
                let page = self.snapshot.query_sessions(&query)?;
                self.next = page.next.map(|next| Next::Queried(query.after(&next)));
                page.sessions
            }
        };
        self.page = page.into_iter();
        Ok(())
    }
}

impl Iterator for Sessions {
    type Item = Result<SessionInfo, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(session) = self.page.next() {
                return Some(Ok(session));
            }
            self.next.as_ref()?;
            if let Err(err) = self.next_page() {
                return Some(Err(err));
            }
        }
    }
}

/// The segments of a session in descending order of their ids, made by
/// [`Archive::segments`](crate::Archive::segments). After an error it is at its end.
///
/// ```
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// log.append("hello")?;
/// let segment = archive.segments(log.session_id())?.next().expect("there is one")?;
/// assert_eq!((segment.id, segment.entries), (log.segment_id(), 1));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug)]
pub struct Segments {
    /// Where to read them, until that is done.
    unread: Option<(Snapshot, SessionId)>,
    read: std::vec::IntoIter<SegmentInfo>,
}

impl Segments {
    fn new(snapshot: Snapshot, session: SessionId) -> Self {
        Self {
            unread: Some((snapshot, session)),
            read: Vec::new().into_iter(),
        }
    }
}

impl Iterator for Segments {
    type Item = Result<SegmentInfo, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some((snapshot, session)) = self.unread.take() {
            let heads = match snapshot.view().read(|layers| layers.heads(session)) {
                Ok(heads) => heads,
                Err(err) => return Some(Err(err)),
            };
            let infos = heads.iter();
            let infos = infos.map(|(id, head)| SegmentInfo::new(session, *id, head));
            self.read = infos.collect::<Vec<_>>().into_iter();
        }
        self.read.next().map(Ok)
    }
}
