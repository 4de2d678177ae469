//! Which sessions to remove by age, number or size: planned first, and removed only as planned.
//!
//! Nothing is removed unless it is asked for. [`plan`] tells what would go; [`Plan::trash`] puts it into
//! the trash and [`Plan::apply`] removes it, except what has been written to since. [`plan_trash`] tells
//! what has been in the trash for long.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::archive::{Archive, SessionInfo, SessionMarks, Snapshot, forget_session_ops};
use crate::engine::Op;
use crate::entry::names::NameRecord;
use crate::error::StoreError;
use crate::ids::{SegmentId, SessionId, now_ms};
use crate::progress::{Meter, Progress};

/// How many sessions are removed as one change.
const CHANGE_SESSIONS: usize = 64;

/// What an archive may hold. Without a limit everything stays.
///
/// The sessions are those of the archive that are not in the [trash](Archive::trash_session), by [the time of their last activity](last_activity_ms), the
/// newest first; of the same time, those with the higher id first.
///
/// - [`older_than`](Self::older_than): a session goes if its last activity is longer ago.
/// - [`max_bytes`](Self::max_bytes): of what age has left over, the oldest go until the others
///   have at most so many bytes as JSONL.
/// - [`keep_last`](Self::keep_last) alone: all but the newest so many go. Beside another limit it
///   only protects: the newest so many stay, whatever the others say, and of the rest those go
///   that another limit names.
/// - A session that a name points to stays, unless [`named`](Self::named) says otherwise. It
///   counts for the number and for the bytes all the same.
///
/// ```
/// use std::time::Duration;
/// use sessiondb::retention::{Limits, plan};
/// use sessiondb::{Archive, new_segment_id, new_session_id, now_ms};
///
/// let archive = Archive::in_memory()?;
/// let (old, new) = (new_session_id(), new_session_id());
/// archive.log(old, new_segment_id()).with_timestamp(1000).append(&1)?;
/// archive.log(new, new_segment_id()).append(&2)?;
///
/// let limits = Limits::new().older_than(Duration::from_secs(3600));
/// let plan = plan(&archive, &limits, now_ms())?;
/// assert_eq!(plan.sessions.len(), 1);
/// let pruned = plan.apply(&archive, None)?;
/// assert_eq!(pruned.removed, [old]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Limits {
    older_than: Option<Duration>,
    keep_last: Option<u64>,
    max_bytes: Option<u64>,
    named: bool,
}

impl Limits {
    /// No limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long ago the last activity of a session may be.
    #[must_use]
    pub fn older_than(mut self, age: Duration) -> Self {
        self.older_than = Some(age);
        self
    }

    /// How many of the sessions that were active last stay.
    #[must_use]
    pub fn keep_last(mut self, sessions: u64) -> Self {
        self.keep_last = Some(sessions);
        self
    }

    /// How many bytes the sessions may have as JSONL: their entries and traces, each with the
    /// end of its line. It is not the length of the file.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Whether sessions that a name points to may go as well. The default is `false`.
    #[must_use]
    pub fn named(mut self, named: bool) -> Self {
        self.named = named;
        self
    }
}

/// What would be removed: made by [`plan`] or [`plan_trash`], done by [`trash`](Self::trash) or
/// [`apply`](Self::apply).
///
/// ```
/// use sessiondb::retention::{Limits, plan};
///
/// let plan = plan(&sessiondb::Archive::in_memory()?, &Limits::new().keep_last(10), 0)?;
/// assert!(plan.sessions.is_empty());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Plan {
    /// The sessions that would go, the oldest first.
    pub sessions: Vec<SessionInfo>,
    /// When each of them was last active, in milliseconds since the Unix epoch.
    pub last_activity_ms: BTreeMap<SessionId, u64>,
    /// What they have as JSONL, in bytes.
    pub bytes: u64,
    /// How many sessions would stay.
    pub kept_sessions: u64,
    /// What those have as JSONL, in bytes.
    pub kept_bytes: u64,
    /// How many sessions stay only because a name points to them.
    pub kept_named: u64,
    #[serde(skip)]
    named: bool,
}

/// What was removed, or put into the trash.
///
/// ```
/// use sessiondb::retention::{Limits, plan};
///
/// let archive = sessiondb::Archive::in_memory()?;
/// let pruned = plan(&archive, &Limits::new().keep_last(10), 0)?.apply(&archive, None)?;
/// assert!(pruned.removed.is_empty() && pruned.spared.is_empty());
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// The sessions that were removed, or put into the trash.
    pub removed: Vec<SessionId>,
    /// What they had as JSONL, in bytes.
    pub bytes: u64,
    /// The sessions that stay since they were changed, named or removed after the plan was made.
    pub spared: Vec<SessionId>,
}

/// When a session was last active, in milliseconds since the Unix epoch: as its entries say, where
/// its summary (the note `session/{session}/summary`) has the number `last_activity_ms` and covers all
/// of them, or else when it was last updated. That is, for a log that was imported, the time of its
/// file, which a copy of the file may change.
///
/// ```
/// use sessiondb::retention::last_activity_ms;
/// use sessiondb::{Archive, new_segment_id, new_session_id};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).with_timestamp(5000).append(&1)?;
/// let info = archive.session(session)?.expect("it was just made");
/// assert_eq!(last_activity_ms(&archive.snapshot()?, &info)?, 5000);
///
/// let summary = serde_json::json!({"last_activity_ms": 3000});
/// archive.write_note(&format!("session/{session}/summary"), &summary)?;
/// assert_eq!(last_activity_ms(&archive.snapshot()?, &info)?, 3000);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of a read.
pub fn last_activity_ms(snapshot: &Snapshot, session: &SessionInfo) -> Result<u64, StoreError> {
    let key = format!("session/{}/summary", session.id);
    let summary = match snapshot.read_note::<Value>(&key) {
        // One that is not what it should be says nothing.
        Err(StoreError::Serde(_)) => None,
        summary => summary?,
    };
    let field = |name: &str| summary.as_ref().and_then(|summary| summary.get(name));
    let Some(of_entries) = field("last_activity_ms").and_then(Value::as_i64) else {
        return Ok(session.updated_ms);
    };
    let segment = field("segment").and_then(Value::as_str);
    let segment = segment.and_then(|segment| SegmentId::try_parse(segment).ok());
    if let (Some(segment), Some(covered)) = (segment, field("entries").and_then(Value::as_u64)) {
        let now = snapshot.segment(session.id, segment)?;
        if now.is_some_and(|now| now.entries > covered) {
            return Ok(session.updated_ms);
        }
    }
    Ok(u64::try_from(of_entries).unwrap_or(0))
}

/// Finds out which sessions the limits leave no room for. `now_ms` is the time that ages are
/// counted from, in milliseconds since the Unix epoch. Reads no entries.
///
/// # Errors
///
/// Those of [`Archive::snapshot`].
pub fn plan(archive: &Archive, limits: &Limits, now_ms: u64) -> Result<Plan, StoreError> {
    let snapshot = archive.snapshot()?;
    let named = named_sessions(&snapshot)?;
    let mut sessions = Vec::new();
    for info in snapshot.sessions() {
        let info = info?;
        if info.trashed_ms.is_some() {
            continue;
        }
        let active_ms = last_activity_ms(&snapshot, &info)?;
        sessions.push(Dated { active_ms, info });
    }
    sessions.sort_by_key(|session| std::cmp::Reverse(session.age_key()));

    let mut plan = Plan::none(&sessions, limits.named);
    let young = limits.select(&sessions, now_ms);
    let protected = |session: &Dated| !limits.named && named.contains(&session.info.id);
    for (session, goes) in sessions.iter().zip(&young).rev() {
        if *goes {
            plan.take(session, protected(session));
        }
    }
    if let Some(max_bytes) = limits.max_bytes {
        let newest = limits.protected_number();
        let places = sessions.iter().zip(&young).enumerate().rev();
        for (place, (session, gone)) in places {
            if plan.kept_bytes <= max_bytes {
                break;
            }
            if !gone && place >= newest {
                plan.take(session, protected(session));
            }
        }
    }
    let active_ms = |session: &SessionInfo| plan.last_activity_ms.get(&session.id).copied();
    plan.sessions
        .sort_by_key(|session| (active_ms(session), session.id));
    Ok(plan)
}

/// Finds out which sessions have been in the [trash](Archive::trash_session) for longer than `older_than`;
/// with `None` all that are there. A session that was written to since it was put there counts from then.
/// Names keep nothing. `now_ms` is the time that ages are counted from.
///
/// ```
/// use std::time::Duration;
/// use sessiondb::retention::plan_trash;
/// use sessiondb::{Archive, new_segment_id, new_session_id, now_ms};
///
/// let archive = Archive::in_memory()?;
/// let session = new_session_id();
/// archive.log(session, new_segment_id()).append("hello")?;
/// archive.trash_session(session)?;
///
/// let days = Duration::from_secs(30 * 24 * 3600);
/// assert!(plan_trash(&archive, Some(days), now_ms())?.sessions.is_empty());
/// let all = plan_trash(&archive, None, now_ms())?;
/// assert_eq!(all.apply(&archive, None)?.removed, [session]);
/// # Ok::<(), sessiondb::StoreError>(())
/// ```
///
/// # Errors
///
/// Those of [`Archive::snapshot`].
pub fn plan_trash(
    archive: &Archive,
    older_than: Option<Duration>,
    now_ms: u64,
) -> Result<Plan, StoreError> {
    let snapshot = archive.snapshot()?;
    let mut sessions = Vec::new();
    // That which has been there for the longest first.
    for info in snapshot.trash()?.into_iter().rev() {
        let active_ms = last_activity_ms(&snapshot, &info)?;
        sessions.push(Dated { active_ms, info });
    }
    let mut plan = Plan::none(&sessions, true);
    for session in &sessions {
        let trashed_ms = session.info.trashed_ms.unwrap_or_default();
        let since_ms = trashed_ms.max(session.info.updated_ms);
        let age = Duration::from_millis(now_ms.saturating_sub(since_ms));
        if older_than.is_none_or(|limit| age > limit) {
            plan.take(session, false);
        }
    }
    Ok(plan)
}

/// A session, and when it was last active.
struct Dated {
    active_ms: u64,
    info: SessionInfo,
}

impl Dated {
    fn age_key(&self) -> (u64, SessionId) {
        (self.active_ms, self.info.id)
    }
}

impl Limits {
    /// Of the sessions, the newest first, which go by their age or number.
    fn select(&self, sessions: &[Dated], now_ms: u64) -> Vec<bool> {
        let newest = self.protected_number();
        let alone = self.older_than.is_none() && self.max_bytes.is_none();
        let places = sessions.iter().enumerate();
        places
            .map(|(place, session)| {
                let age = Duration::from_millis(now_ms.saturating_sub(session.active_ms));
                let old = self.older_than.is_some_and(|limit| age > limit);
                place >= newest && (old || (alone && self.keep_last.is_some()))
            })
            .collect()
    }

    /// How many of the newest stay in any case.
    fn protected_number(&self) -> usize {
        let keep_last = self.keep_last.unwrap_or(0);
        usize::try_from(keep_last).unwrap_or(usize::MAX)
    }
}

impl Plan {
    /// One by which all of these sessions stay.
    fn none(sessions: &[Dated], named: bool) -> Self {
        Self {
            sessions: Vec::new(),
            last_activity_ms: BTreeMap::new(),
            bytes: 0,
            kept_sessions: sessions.len() as u64,
            kept_bytes: sessions.iter().map(|it| jsonl_bytes(&it.info)).sum(),
            kept_named: 0,
            named,
        }
    }

    fn take(&mut self, session: &Dated, is_protected: bool) {
        if is_protected {
            self.kept_named += 1;
            return;
        }
        let Dated { active_ms, info } = session;
        let bytes = jsonl_bytes(info);
        self.bytes += bytes;
        self.kept_bytes = self.kept_bytes.saturating_sub(bytes);
        self.kept_sessions = self.kept_sessions.saturating_sub(1);
        self.last_activity_ms.insert(info.id, *active_ms);
        self.sessions.push(info.clone());
    }

    /// Removes the sessions of the plan, 64 at a time as one change, and marks them as
    /// [forgotten](Archive::forget_session) with it, so that no import and no merge brings them back.
    /// A session that was written to since, or that a name has come to point to, stays.
    ///
    /// # Errors
    ///
    /// Those of a write; what was removed before stays removed.
    pub fn apply(
        &self,
        archive: &Archive,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<Pruned, StoreError> {
        let ops = |session: &SessionInfo| Ok(forget_session_ops(session)?.into());
        self.carry_out(archive, progress, &ops)
    }

    /// Puts the sessions of the plan into the [trash](Archive::trash_session), as [`apply`](Self::apply) removes
    /// them.
    ///
    /// # Errors
    ///
    /// Those of a write; what was put there before stays there.
    pub fn trash(
        &self,
        archive: &Archive,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
    ) -> Result<Pruned, StoreError> {
        let trashed_ms = Some(now_ms());
        let ops = |session: &SessionInfo| {
            let hidden = session.hidden;
            SessionMarks { trashed_ms, hidden }.ops(session.id)
        };
        self.carry_out(archive, progress, &ops)
    }

    fn carry_out(
        &self,
        archive: &Archive,
        progress: Option<&mut dyn FnMut(Progress<'_>)>,
        ops_of: &dyn Fn(&SessionInfo) -> Result<Vec<Op>, StoreError>,
    ) -> Result<Pruned, StoreError> {
        let mut pruned = Pruned::default();
        let mut meter = Meter::new(progress, 0);
        meter.expect(self.sessions.len() as u64);
        for chunk in self.sessions.chunks(CHANGE_SESSIONS) {
            let unchanged = archive.commit(|now| {
                let unchanged = self.unchanged(chunk, now)?;
                let mut ops = Vec::with_capacity(2 * unchanged.len());
                for session in &unchanged {
                    ops.extend(ops_of(session)?);
                }
                Ok((ops, unchanged))
            })?;
            for session in chunk {
                if unchanged.contains(&session) {
                    pruned.removed.push(session.id);
                    pruned.bytes += jsonl_bytes(session);
                } else {
                    pruned.spared.push(session.id);
                }
            }
            meter.add(chunk.len() as u64);
        }
        Ok(pruned)
    }

    /// The sessions that are still as they were when the plan was made.
    fn unchanged<'s>(
        &self,
        sessions: &'s [SessionInfo],
        now: &Snapshot,
    ) -> Result<Vec<&'s SessionInfo>, StoreError> {
        let named = if self.named {
            HashSet::new()
        } else {
            named_sessions(now)?
        };
        let mut unchanged = Vec::with_capacity(sessions.len());
        for session in sessions {
            let planned_ms = self.last_activity_ms.get(&session.id);
            if now.session(session.id)?.as_ref() == Some(session)
                && planned_ms == Some(&last_activity_ms(now, session)?)
                && !named.contains(&session.id)
            {
                unchanged.push(session);
            }
        }
        Ok(unchanged)
    }
}

/// The sessions that names point to.
fn named_sessions(snapshot: &Snapshot) -> Result<HashSet<SessionId>, StoreError> {
    let records = snapshot.name_records()?;
    Ok(records.iter().filter_map(NameRecord::session).collect())
}

/// What a session has as JSONL, in bytes.
fn jsonl_bytes(session: &SessionInfo) -> u64 {
    let entries = session.entry_bytes.saturating_add(session.entries);
    let traces = session.trace_bytes.saturating_add(session.traces);
    entries.saturating_add(traces)
}
