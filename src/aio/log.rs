//! One log: its calls are made in their order.

use std::ops::{Bound, RangeBounds};

use super::archive::AsyncArchive;
use super::reply::Reply;
use crate::archive::{Collected, Entry, Log, Receipt, ToEntry};
use crate::engine::{LogId, LogKind};
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId};

/// One log of a segment. What is called on it, and on others of the same log, is done in that order.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), sessiondb::StoreError> {
/// use sessiondb::aio::AsyncArchive;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = AsyncArchive::new(Archive::in_memory()?)?;
/// let log = archive.log(new_session_id(), new_segment_id());
/// let appends: Vec<_> = (0..10).map(|n| log.append(&n)).collect();
/// let entries = log.read(8..).await?;
/// assert_eq!(entries[1].as_str(), "9");
/// for append in appends {
///     append.await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AsyncLog {
    archive: AsyncArchive,
    id: LogId,
}

impl AsyncArchive {
    /// The entries of a segment.
    #[must_use]
    pub fn log(&self, session: SessionId, segment: SegmentId) -> AsyncLog {
        self.log_of(session, segment, LogKind::Entries)
    }

    /// The traces of a segment.
    #[must_use]
    pub fn trace(&self, session: SessionId, segment: SegmentId) -> AsyncLog {
        self.log_of(session, segment, LogKind::Traces)
    }

    fn log_of(&self, session: SessionId, segment: SegmentId, kind: LogKind) -> AsyncLog {
        AsyncLog {
            archive: self.clone(),
            id: LogId {
                session,
                segment,
                kind,
            },
        }
    }
}

impl AsyncLog {
    /// Appends an entry, as [`Log::append`] does. It is turned into JSON before this returns.
    pub fn append<E: ToEntry + ?Sized>(&self, entry: &E) -> Reply<Receipt> {
        let mut collected = Collected::new(self.id);
        let checked = collected.push(entry);
        self.append_collected(None, checked.map(|()| collected))
    }

    /// Appends several entries as one change, as [`Log::append_many`] does.
    pub fn append_many<I>(&self, entries: I) -> Reply<Receipt>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        self.append_collected(None, Collected::all(self.id, entries))
    }

    /// Appends entries if the log has this length, as [`Log::append_at`] does.
    pub fn append_at<I>(&self, expected_len: u64, entries: I) -> Reply<Receipt>
    where
        I: IntoIterator<Item: ToEntry>,
    {
        self.append_collected(Some(expected_len), Collected::all(self.id, entries))
    }

    /// Removes the entries from number `len` on, as [`Log::truncate`] does.
    pub fn truncate(&self, len: u64) -> Reply<()> {
        self.call(move |log| log.truncate(len))
    }

    /// The number of entries.
    pub fn len(&self) -> Reply<u64> {
        self.call(Log::len)
    }

    /// The entries in the range, all of them read; of many, read a part at a time.
    pub fn read(&self, range: impl RangeBounds<u64>) -> Reply<Vec<Entry>> {
        let range: (Bound<u64>, Bound<u64>) =
            (range.start_bound().cloned(), range.end_bound().cloned());
        self.call(move |log| log.read(range)?.collect())
    }

    /// Makes any call on the log, in its order.
    pub fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Log) -> Result<T, StoreError> + Send + 'static,
    ) -> Reply<T> {
        let id = self.id;
        let lane = id.segment.as_u64_pair();
        self.archive.call_in_lane(lane.0 ^ lane.1, move |archive| {
            call(&Log::new(archive.clone(), id))
        })
    }

    fn append_collected(
        &self,
        expected_len: Option<u64>,
        collected: Result<Collected, StoreError>,
    ) -> Reply<Receipt> {
        match collected {
            Ok(collected) => self.call(move |log| log.append_op(expected_len, collected)),
            Err(err) => Reply::ready(Err(err)),
        }
    }
}
