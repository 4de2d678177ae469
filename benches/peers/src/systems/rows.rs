//! The schema for ordered key-value stores: one row for each entry, and the usual indexes.

use std::ops::ControlFlow;

use sessiondb::{SegmentId, SessionId};

use super::{Appender, Each, LogId, System};
use crate::Result;
use crate::logs::{Logs, lines};

/// Session, segment and index, big endian, so that rows have the order of the entries.
pub(super) type Key = [u8; 40];
/// Session and segment.
type Pair = [u8; 32];

/// One of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    /// `Key` to JSON.
    Entries,
    /// `Key` to JSON.
    Traces,
    /// Segment to session.
    Segments,
    /// `Pair` to nothing.
    Sessions,
}

/// Something for each table.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tables<T> {
    entries: T,
    traces: T,
    segments: T,
    sessions: T,
}

impl<T> Tables<T> {
    /// What `make` gives for each.
    pub(super) fn try_new<E>(mut make: impl FnMut(Table) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self {
            entries: make(Table::Entries)?,
            traces: make(Table::Traces)?,
            segments: make(Table::Segments)?,
            sessions: make(Table::Sessions)?,
        })
    }

    pub(super) fn map<U>(self, mut make: impl FnMut(T) -> U) -> Tables<U> {
        Tables {
            entries: make(self.entries),
            traces: make(self.traces),
            segments: make(self.segments),
            sessions: make(self.sessions),
        }
    }

    pub(super) fn of(&self, table: Table) -> &T {
        match table {
            Table::Entries => &self.entries,
            Table::Traces => &self.traces,
            Table::Segments => &self.segments,
            Table::Sessions => &self.sessions,
        }
    }

    pub(super) fn of_mut(&mut self, table: Table) -> &mut T {
        match table {
            Table::Entries => &mut self.entries,
            Table::Traces => &mut self.traces,
            Table::Segments => &mut self.segments,
            Table::Sessions => &mut self.sessions,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        [&self.entries, &self.traces, &self.segments, &self.sessions].into_iter()
    }
}

impl Table {
    /// Its name in the store.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Traces => "traces",
            Self::Segments => "segments",
            Self::Sessions => "sessions",
        }
    }

    fn of(log: LogId) -> Self {
        if log.traces {
            Self::Traces
        } else {
            Self::Entries
        }
    }
}

/// An ordered key-value store. Clones are handles on the same one.
pub(super) trait Kv: Clone + Send + Sync + 'static {
    type Snapshot<'a>: Snapshot
    where
        Self: 'a;

    /// The store as of now.
    fn snapshot(&self) -> Result<Self::Snapshot<'_>>;

    /// Makes all changes of `change` as one, with the promise of the store, or none if it fails.
    fn write(&self, change: impl FnOnce(&mut dyn Changes) -> Result<()>) -> Result<()>;

    /// Writes one row, with the promise of the store.
    fn put(&self, table: Table, key: &[u8], value: &[u8]) -> Result<()> {
        self.write(|changes| changes.put(table, key, value))
    }

    /// Closes it. It is the last handle.
    fn close(self) -> Result<()>;
}

/// One state of a store.
pub(super) trait Snapshot {
    /// What `with` makes of the value.
    fn get<T>(
        &self,
        table: Table,
        key: &[u8],
        with: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>>;

    /// Hands each row from `from` to `to`, both included, to `each` until it breaks.
    fn walk(
        &self,
        table: Table,
        range: (&[u8], &[u8]),
        order: Order,
        each: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()>;
}

/// The order of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Forwards,
    Backwards,
}

/// The changes of one transaction.
pub(super) trait Changes {
    fn put(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<()>;
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<()>;
    /// Removes all rows from one key to another, both included.
    fn remove_range(&mut self, table: Table, range: (&[u8], &[u8])) -> Result<()>;
}

/// Runs a walk over the rows of an iterator.
pub(super) fn walk_rows<R>(
    mut rows: impl Iterator<Item = R>,
    mut each: impl FnMut(R) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let ended = rows.try_for_each(|row| match each(row) {
        Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
        Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
        Err(error) => ControlFlow::Break(Err(error)),
    });
    ended.break_value().unwrap_or(Ok(()))
}

/// A store with that schema.
pub(super) struct Rows<S>(pub(super) S);

impl<S: Kv> Rows<S> {
    /// Appends entries as one change.
    fn append_rows<'a>(
        &self,
        log: LogId,
        entries: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<()> {
        self.0.write(|changes| {
            let snapshot = self.0.snapshot()?;
            let first = count(&snapshot, log)?;
            if !is_listed(&snapshot, log)? {
                list(changes, log)?;
            }
            let mut rows = (first..).zip(entries);
            rows.try_for_each(|(index, entry)| changes.put(Table::of(log), &key(log, index), entry))
        })
    }
}

impl<S: Kv> System for Rows<S> {
    fn appender(&self, log: LogId) -> Result<Box<dyn Appender>> {
        let snapshot = self.0.snapshot()?;
        Ok(Box::new(RowAppender {
            next: count(&snapshot, log)?,
            is_listed: is_listed(&snapshot, log)?,
            store: self.0.clone(),
            log,
        }))
    }

    fn append_many(&self, log: LogId, entries: &[Vec<u8>]) -> Result<()> {
        self.append_rows(log, entries.iter().map(Vec::as_slice))
    }

    fn count(&self, log: LogId) -> Result<u64> {
        count(&self.0.snapshot()?, log)
    }

    fn read(&self, log: LogId, each: Each<'_>) -> Result<()> {
        read_from(&self.0.snapshot()?, log, 0, each)
    }

    fn last(&self, log: LogId, wanted: u64, each: Each<'_>) -> Result<()> {
        let snapshot = self.0.snapshot()?;
        let first = count(&snapshot, log)?.saturating_sub(wanted);
        read_from(&snapshot, log, first, each)
    }

    fn sessions(&self, limit: usize) -> Result<Vec<(SessionId, u64)>> {
        let snapshot = self.0.snapshot()?;
        let mut sessions: Vec<(SessionId, u64)> = Vec::new();
        let all: (Pair, Pair) = ([0; 32], [0xff; 32]);
        let range = (all.0.as_slice(), all.1.as_slice());
        snapshot.walk(Table::Sessions, range, Order::Backwards, |pair, _| {
            let log = log_of(pair)?;
            if sessions.last().is_none_or(|(last, _)| *last != log.session) {
                if sessions.len() == limit {
                    return Ok(ControlFlow::Break(()));
                }
                sessions.push((log.session, 0));
            }
            if let Some((_, entries)) = sessions.last_mut() {
                *entries += count(&snapshot, log)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(sessions)
    }

    fn session_of(&self, segment: SegmentId) -> Result<Option<SessionId>> {
        let snapshot = self.0.snapshot()?;
        snapshot.get(Table::Segments, segment.as_bytes(), |session| {
            Ok(SessionId::from_slice(session)?)
        })
    }

    fn fork(&self, from: LogId, at: u64, to: SegmentId) -> Result<()> {
        let to = LogId {
            segment: to,
            ..from
        };
        self.0.write(|changes| {
            let snapshot = self.0.snapshot()?;
            list(changes, to)?;
            let mut copied = 0;
            if at > 0 {
                let range = (key(from, 0), key(from, at - 1));
                let range = (range.0.as_slice(), range.1.as_slice());
                snapshot.walk(Table::of(from), range, Order::Forwards, |_, entry| {
                    changes.put(Table::of(to), &key(to, copied), entry)?;
                    copied += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            if copied == at {
                Ok(())
            } else {
                Err(format!("the segment has {copied} entries, not {at}").into())
            }
        })
    }

    fn truncate(&self, log: LogId, len: u64) -> Result<()> {
        self.0.write(|changes| {
            let count = count(&self.0.snapshot()?, log)?;
            if len > count {
                return Err(format!("the log has {count} entries, not {len}").into());
            }
            (len..count).try_for_each(|index| changes.remove(Table::of(log), &key(log, index)))
        })
    }

    fn delete_session(&self, session: SessionId) -> Result<()> {
        self.0.write(|changes| {
            let log = |segment, traces| LogId {
                session,
                segment,
                traces,
            };
            let (first, last) = (log(SegmentId::nil(), false), log(SegmentId::max(), false));
            let pairs = (pair(first), pair(last));
            let pairs = (pairs.0.as_slice(), pairs.1.as_slice());
            let snapshot = self.0.snapshot()?;
            snapshot.walk(Table::Sessions, pairs, Order::Forwards, |pair, _| {
                changes.remove(Table::Segments, log_of(pair)?.segment.as_bytes())?;
                Ok(ControlFlow::Continue(()))
            })?;
            changes.remove_range(Table::Sessions, pairs)?;
            let keys = (key(first, 0), key(last, u64::MAX));
            let keys = (keys.0.as_slice(), keys.1.as_slice());
            changes.remove_range(Table::Entries, keys)?;
            changes.remove_range(Table::Traces, keys)
        })
    }

    fn import(&self, logs: &Logs) -> Result<()> {
        for file in &logs.files {
            self.append_rows(file.log(), lines(&logs.text(file)?))?;
        }
        Ok(())
    }

    fn close(self: Box<Self>) -> Result<()> {
        self.0.close()
    }
}

/// Nobody else writes the log, so the next index is kept here.
struct RowAppender<S> {
    store: S,
    log: LogId,
    next: u64,
    is_listed: bool,
}

impl<S: Kv> Appender for RowAppender<S> {
    fn append(&mut self, entry: &[u8]) -> Result<()> {
        let (table, key) = (Table::of(self.log), key(self.log, self.next));
        if self.is_listed {
            self.store.put(table, &key, entry)?;
        } else {
            self.store.write(|changes| {
                list(changes, self.log)?;
                changes.put(table, &key, entry)
            })?;
            self.is_listed = true;
        }
        self.next += 1;
        Ok(())
    }
}

/// The index behind the last row of the log.
fn count(snapshot: &impl Snapshot, log: LogId) -> Result<u64> {
    let range = (key(log, 0), key(log, u64::MAX));
    let range = (range.0.as_slice(), range.1.as_slice());
    let mut count = 0;
    snapshot.walk(Table::of(log), range, Order::Backwards, |key, _| {
        let index = key.last_chunk().ok_or("a key is too short")?;
        count = u64::from_be_bytes(*index) + 1;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(count)
}

fn read_from(snapshot: &impl Snapshot, log: LogId, first: u64, each: Each<'_>) -> Result<()> {
    let range = (key(log, first), key(log, u64::MAX));
    let range = (range.0.as_slice(), range.1.as_slice());
    snapshot.walk(Table::of(log), range, Order::Forwards, |_, entry| {
        each(entry)?;
        Ok(ControlFlow::Continue(()))
    })
}

/// Whether the log needs no row in the indexes, which are of segments that have entries.
fn is_listed(snapshot: &impl Snapshot, log: LogId) -> Result<bool> {
    if log.traces {
        return Ok(true);
    }
    let found = snapshot.get(Table::Sessions, &pair(log), |_| Ok(()))?;
    Ok(found.is_some())
}

fn list(changes: &mut dyn Changes, log: LogId) -> Result<()> {
    let session = log.session.as_bytes();
    changes.put(Table::Segments, log.segment.as_bytes(), session)?;
    changes.put(Table::Sessions, &pair(log), &[])
}

fn key(log: LogId, index: u64) -> Key {
    let mut key = [0; 40];
    let (ids, end) = key.split_at_mut(32);
    ids.copy_from_slice(&pair(log));
    end.copy_from_slice(&index.to_be_bytes());
    key
}

fn pair(log: LogId) -> Pair {
    let mut pair = [0; 32];
    let (session, segment) = pair.split_at_mut(16);
    session.copy_from_slice(log.session.as_bytes());
    segment.copy_from_slice(log.segment.as_bytes());
    pair
}

fn log_of(pair: &[u8]) -> Result<LogId> {
    let (session, segment) = pair.split_at_checked(16).ok_or("a key is too short")?;
    Ok(LogId {
        session: SessionId::from_slice(session)?,
        segment: SegmentId::from_slice(segment)?,
        traces: false,
    })
}
