//! Starting, restoring, forking and saving sessions: functions over any [`Store`].
//!
//! A writer holds a [`Head`], which says where it writes and how many entries it believes to be
//! there, and the [`SegmentState`] that these entries add up to.
//!
//! ```
//! use sessiondb::segment::{self, Seed};
//! use sessiondb::MemoryStore;
//! use sessiondb::entry::{Item, Role, RunResult, Trigger, UserSegment};
//!
//! let store = MemoryStore::new();
//! let mut head = segment::start(&store, &Seed::default())?;
//! segment::save_invoke(&store, &mut head, Trigger::UserSend)?;
//! segment::save_user_input(&store, &mut head, vec![UserSegment::text("Hello")], vec![])?;
//! segment::save_history_delta(&store, &mut head, [Item::message(Role::Assistant, "Hi")])?;
//! segment::save_turn_end(&store, &mut head, 1)?;
//! segment::save_run_completed(&store, &mut head, RunResult::Finished, false)?;
//!
//! let state = segment::restore(&store, head.session_id, head.segment_id)?;
//! assert_eq!(state.history.len(), 2);
//! assert_eq!(state.turn_count, 1);
//! assert_eq!(state.entries, head.entries);
//! # Ok::<(), sessiondb::StoreError>(())
//! ```

mod save;

pub use self::save::{
    HistoryItem, save_config, save_extension, save_history_delta, save_invoke, save_run_completed,
    save_run_errored, save_turn_end, save_usage, save_user_input,
};
pub use crate::entry::seed::{Seed, fork_entry};
pub(crate) use crate::entry::seed::{last_turn, len_at_turn_end, origin_at};
pub use crate::entry::segment_head::Head;

use crate::entry::replay::{SegmentState, collect_state};
use crate::entry::seed::start_entry;
use crate::entry::segment_log::LogEntry;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, new_segment_id, new_session_id};
use crate::store::Store;

/// Starts a session with fresh ids by writing its `segment_start`.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::{MemoryStore, Store};
///
/// let store = MemoryStore::new();
/// let head = segment::start(&store, &Seed::default())?;
/// assert_eq!(store.list_segments(head.session_id)?, [head.segment_id]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`start_with_ids`].
pub fn start<S: Store + ?Sized>(store: &S, seed: &Seed) -> Result<Head, StoreError> {
    start_with_ids(store, new_session_id(), new_segment_id(), seed)
}

/// Starts a session, or a segment without an origin, under ids made earlier.
///
/// The segment may exist if it is empty, and begins with its `segment_start`.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::{MemoryStore, Store, StoreError, new_segment_id, new_session_id};
///
/// let store = MemoryStore::new();
/// let (session, segment) = (new_session_id(), new_segment_id());
/// let head = segment::start_with_ids(&store, session, segment, &Seed::default())?;
/// assert_eq!(store.read_entry_count(session, segment)?, head.entries);
///
/// let again = segment::start_with_ids(&store, session, segment, &Seed::default());
/// assert!(matches!(again, Err(StoreError::Conflict { expected: 0, actual: 1, .. })));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// [`StoreError::Conflict`] if the segment holds entries already, which stay as they are; those
/// of [`Store::read_entry_count`] and [`Store::create_segment`].
pub fn start_with_ids<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    seed: &Seed,
) -> Result<Head, StoreError> {
    let actual = match store.read_entry_count(session_id, segment_id) {
        Err(StoreError::NotFound(_)) => 0,
        count => count?,
    };
    if actual > 0 {
        return Err(StoreError::Conflict {
            session: session_id,
            segment: segment_id,
            expected: 0,
            actual: actual as u64,
        });
    }
    let start = start_entry(session_id, seed.clone());
    create(store, session_id, segment_id, LogEntry::SegmentStart(start))
}

/// Restores a segment: reads its entries and replays them.
///
/// ```
/// use sessiondb::segment::{self, Head, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::{Item, Role};
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// segment::save_history_delta(&store, &mut head, [Item::message(Role::Assistant, "Hi")])?;
///
/// let state = segment::restore(&store, head.session_id, head.segment_id)?;
/// assert_eq!(state.history, [Item::message(Role::Assistant, "Hi")]);
/// assert_eq!(Head::new(head.session_id, head.segment_id, state.entries), head);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::for_each_entry`]: [`StoreError::NotFound`] if there is no such segment. An
/// entry that fits no type changes nothing but the number of entries.
pub fn restore<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
) -> Result<SegmentState, StoreError> {
    let mut state = SegmentState::default();
    store.for_each_entry(session_id, segment_id, &mut |entry| state.apply(entry))?;
    Ok(state)
}

/// Restores a segment when its session is not known, and returns the session with it.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
///
/// let store = MemoryStore::new();
/// let head = segment::start(&store, &Seed::default())?;
/// let (session, state) = segment::restore_by_segment(&store, head.segment_id)?;
/// assert_eq!(session, head.session_id);
/// assert_eq!(state.entries, 1);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// [`StoreError::NotFound`] if no session holds the segment, and those of [`restore`].
pub fn restore_by_segment<S: Store + ?Sized>(
    store: &S,
    segment_id: SegmentId,
) -> Result<(SessionId, SegmentState), StoreError> {
    let session_id = store
        .lookup_session_of(segment_id)?
        .ok_or(StoreError::NotFound(segment_id))?;
    Ok((session_id, restore(store, session_id, segment_id)?))
}

/// Forks into a new session, whose one segment begins with the given history.
///
/// The new segment has no origin: an origin names a segment of the same session.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::{Item, Role};
///
/// let store = MemoryStore::new();
/// let seed = Seed { history: vec![Item::message(Role::User, "Hi")], ..Seed::default() };
/// let head = segment::start(&store, &seed)?;
///
/// let state = segment::restore(&store, head.session_id, head.segment_id)?;
/// let fork = segment::fork(&store, &Seed::from(state))?;
/// assert_ne!(fork.session_id, head.session_id);
/// let forked = segment::restore(&store, fork.session_id, fork.segment_id)?;
/// assert_eq!(forked.history, seed.history);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`start`].
pub fn fork<S: Store + ?Sized>(store: &S, seed: &Seed) -> Result<Head, StoreError> {
    start(store, seed)
}

/// Forks within a session: a new segment begins with the prompt, config and history of
/// `segment_id` as they were at the end of turn `turn`, and names it in `forked_from`.
///
/// The new segment holds the history once more; [`Archive::fork_at`](crate::Archive::fork_at)
/// shares it instead.
///
/// Turn 0 is the beginning of the segment, before its first turn. The other turns bear the
/// numbers that their `turn_end` gives them.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::{MemoryStore, StoreError};
/// use sessiondb::entry::{Item, Role};
///
/// let store = MemoryStore::new();
/// let mut head = segment::start(&store, &Seed::default())?;
/// for turn in 1..=2 {
///     let answer = Item::message(Role::Assistant, format!("Answer {turn}"));
///     segment::save_history_delta(&store, &mut head, [answer])?;
///     segment::save_turn_end(&store, &mut head, turn)?;
/// }
///
/// let fork = segment::fork_at(&store, head.session_id, head.segment_id, 1)?;
/// let forked = segment::restore(&store, fork.session_id, fork.segment_id)?;
/// assert_eq!(forked.history, [Item::message(Role::Assistant, "Answer 1")]);
/// assert_eq!(forked.forked_from.map(|origin| origin.segment_id), Some(head.segment_id));
///
/// let missing = segment::fork_at(&store, head.session_id, head.segment_id, 3);
/// assert!(matches!(missing, Err(StoreError::TurnNotFound { turn: 3, last: 2, .. })));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// [`StoreError::TurnNotFound`] if the segment has no such turn or it has not ended; those of
/// [`Store::read_all`] and [`Store::create_segment`].
pub fn fork_at<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    turn: u64,
) -> Result<Head, StoreError> {
    let mut entries = store.read_all(session_id, segment_id)?;
    let len = len_at_turn_end(&entries, turn).ok_or_else(|| StoreError::TurnNotFound {
        segment: segment_id,
        turn,
        last: last_turn(&entries),
    })?;
    entries.truncate(len);
    let state = collect_state(entries);
    let entry = fork_entry(session_id, &state, origin_at(segment_id, turn));
    create(store, session_id, new_segment_id(), entry)
}

/// Continues a session in a new segment that begins with a shorter history, such as a summary,
/// and names `segment_id` in `compacted_from`.
///
/// `turn` is the number of turns that had ended in `segment_id`
/// ([`SegmentState::turn_count`]).
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
/// use sessiondb::entry::{Item, Role};
///
/// let store = MemoryStore::new();
/// let head = segment::start(&store, &Seed::default())?;
/// let summary = Seed { history: vec![Item::message(Role::User, "So far: …")], ..Seed::default() };
/// let next = segment::shorten(&store, head.session_id, head.segment_id, 7, &summary)?;
/// let state = segment::restore(&store, next.session_id, next.segment_id)?;
/// assert_eq!(state.history, summary.history);
/// assert_eq!(state.compacted_from.map(|origin| origin.at_turn_index), Some(7));
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Store::create_segment`].
pub fn shorten<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    turn: u64,
    seed: &Seed,
) -> Result<Head, StoreError> {
    let mut start = start_entry(session_id, seed.clone());
    start.compacted_from = Some(origin_at(segment_id, turn));
    let entry = LogEntry::SegmentStart(start);
    create(store, session_id, new_segment_id(), entry)
}

/// Makes sure that a writer is alone on its segment. If the store holds another number of
/// entries than `head` says, another writer was there: the writer then continues in a fresh
/// segment of the same session, forked from this one and seeded with its own `state`.
///
/// The segment that the writer leaves stays as it is. Over a [`Store`] the check and the fork are
/// two steps, and a writer that appends between them or later is noticed by the next call. An
/// [`Archive`](crate::Archive) has the same in one step.
///
/// ```
/// use sessiondb::segment::{self, Seed};
/// use sessiondb::MemoryStore;
///
/// let store = MemoryStore::new();
/// let head = segment::start(&store, &Seed::default())?;
/// let state = segment::restore(&store, head.session_id, head.segment_id)?;
/// assert_eq!(segment::ensure_head_or_fork(&store, head, &state)?, head);
///
/// let mut other_writer = head;
/// segment::save_turn_end(&store, &mut other_writer, 1)?;
/// let moved = segment::ensure_head_or_fork(&store, head, &state)?;
/// assert!(moved.forked);
/// assert_ne!(moved.segment_id, head.segment_id);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// [`StoreError::NotFound`] if the segment is gone; those of [`Store::read_entry_count`] and
/// [`Store::create_segment`].
pub fn ensure_head_or_fork<S: Store + ?Sized>(
    store: &S,
    head: Head,
    state: &SegmentState,
) -> Result<Head, StoreError> {
    let Head {
        session_id,
        segment_id,
        entries,
        ..
    } = head;
    if store.read_entry_count(session_id, segment_id)? == entries {
        return Ok(Head::new(session_id, segment_id, entries));
    }
    let entry = fork_entry(session_id, state, origin_at(segment_id, state.turn_count));
    let fork = create(store, session_id, new_segment_id(), entry)?;
    Ok(Head {
        forked: true,
        ..fork
    })
}

fn create<S: Store + ?Sized>(
    store: &S,
    session_id: SessionId,
    segment_id: SegmentId,
    start: LogEntry,
) -> Result<Head, StoreError> {
    store.create_segment(session_id, segment_id, &[start])?;
    Ok(Head::new(session_id, segment_id, 1))
}
