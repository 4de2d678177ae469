//! The conditions of a batch: what each of them means.

use crate::engine::failpoints::{Bug, seeded};
use crate::engine::fault::{Fault, Outcome};
use crate::engine::layers::Layers;
use crate::engine::memtable::Memtable;
use crate::engine::model::log_id::{LogId, LogKind};
use crate::engine::model::op::{Expect, NOTE_MARK, Undecided};
use crate::engine::model::row::Head;
use crate::error::{Condition, StoreError};
use crate::ids::{SegmentId, SessionId};

impl Memtable {
    /// Refuses if the condition does not hold. Changes nothing.
    pub(crate) fn expect(&self, below: &Layers, condition: &Expect) -> Outcome<()> {
        if seeded(Bug::IgnoreConditions) && !matches!(condition, Expect::Decided(_)) {
            return Ok(());
        }
        match condition {
            Expect::Len { log, len } => {
                let actual = self.entries_of(below, log)?.unwrap_or(0);
                must_have_len(log, *len, actual)
            }
            Expect::Absent(log) => match self.entries_of(below, log)? {
                None => Ok(()),
                Some(len) => Err(of_log(log, Condition::Absent, with_entries(len))),
            },
            Expect::Present(log) => match self.entries_of(below, log)? {
                Some(_) => Ok(()),
                None => Err(of_log(log, Condition::Present, "none".to_owned())),
            },
            Expect::OnlySegment(log) => self.expect_only(below, log),
            Expect::SessionAbsent(session) => {
                self.session(below, *session)?.map_or(Ok(()), |row| {
                    let actual = format!("one with {} segments", row.segments);
                    Err(failed(*session, None, Condition::SessionAbsent, actual))
                })
            }
            Expect::SessionPresent(session) => {
                let is_there = self.session(below, *session)?.is_some();
                let none = || failed(*session, None, Condition::SessionPresent, "none".to_owned());
                if is_there { Ok(()) } else { Err(none()) }
            }
            Expect::Note { name, json } => {
                let actual = match self.names.get(name) {
                    Some(json) => json.clone(),
                    None => below.name(name)?,
                };
                if actual == *json {
                    return Ok(());
                }
                let key = name.strip_prefix(NOTE_MARK).unwrap_or(name).to_owned();
                Err(StoreError::NoteChanged { key }.into())
            }
            Expect::Decided(Undecided(cause)) => Err(StoreError::clone(cause).into()),
        }
    }

    fn expect_only(&self, below: &Layers, log: &LogId) -> Outcome<()> {
        let row = self.session(below, log.session)?.unwrap_or_default();
        let is_there = self.head(below, log)?.is_some_and(|head| head.exists);
        if row.segments <= u64::from(is_there) {
            return Ok(());
        }
        let heads = self.all_heads(below, log.session)?;
        let is_other = |(id, head): &(&SegmentId, &Head)| **id != log.segment && head.exists;
        let other = heads.iter().find(is_other).map(|(id, _)| *id);
        let actual = other.map_or_else(|| "another".to_owned(), |id| format!("segment {id}"));
        Err(of_log(log, Condition::OnlySegment, actual))
    }

    /// The length of a log, if it is there.
    fn entries_of(&self, below: &Layers, log: &LogId) -> Outcome<Option<u64>> {
        let head = self.head(below, log)?;
        let entries = head.and_then(|mut head| {
            let len = head.size_mut(log.kind).entries;
            let is_there = match log.kind {
                LogKind::Entries => head.exists,
                LogKind::Traces => len > 0,
            };
            is_there.then_some(len)
        });
        Ok(entries)
    }
}

/// Refuses if a log does not have the length that was expected.
pub(crate) fn must_have_len(log: &LogId, expected: u64, actual: u64) -> Outcome<()> {
    if expected == actual {
        return Ok(());
    }
    let (session, segment) = (log.session, log.segment);
    Err(StoreError::Conflict {
        session,
        segment,
        expected,
        actual,
    }
    .into())
}

fn with_entries(len: u64) -> String {
    format!("one with {len} entries")
}

fn of_log(log: &LogId, expected: Condition, actual: String) -> Fault {
    failed(log.session, Some(log.segment), expected, actual)
}

fn failed(
    session: SessionId,
    segment: Option<SegmentId>,
    expected: Condition,
    actual: String,
) -> Fault {
    StoreError::ConditionFailed {
        session,
        segment,
        expected,
        actual,
    }
    .into()
}
