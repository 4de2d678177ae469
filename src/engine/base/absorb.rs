//! Folding tails into the tables. Nothing else writes to them.

use redb::{ReadableTable, WriteTransaction};

use super::{HEADS, INDEX, METADATA, NAMES, SESSIONS, pair_bytes, run_key, runs_of};
use crate::engine::fault::Outcome;
use crate::engine::op::LogId;
use crate::engine::row::{Head, Table, seal};
use crate::engine::run::{Entries, Run};
use crate::engine::tail::{LogTail, Tail};
use crate::ids::{SegmentId, SessionId};

/// Makes the tables hold what the tail makes of them.
pub(super) fn absorb(txn: &WriteTransaction, tail: &Tail) -> Outcome<()> {
    // In the order of their keys, which fills pages best and makes the same changes the same file.
    let mut logs: Vec<_> = tail.logs.iter().collect();
    logs.sort_unstable_by_key(|(log, _)| (log.session, log.segment, log.kind.tag()));
    for (log, changes) in logs {
        cut_runs(txn, log, changes.below)?;
        append_runs(txn, log, changes)?;
    }
    for ((session, segment), head) in &tail.heads {
        put_head(txn, *session, *segment, head.as_ref())?;
    }
    let mut sessions = txn.open_table(SESSIONS)?;
    for (session, row) in &tail.sessions {
        match row {
            Some(row) => {
                let row = seal(Table::Sessions, session.as_bytes(), &row.encode());
                sessions.insert(session, row.as_slice())?;
            }
            None => drop(sessions.remove(session)?),
        }
    }
    let mut metadata = txn.open_table(METADATA)?;
    for (session, json) in &tail.metadata {
        match json {
            Some(json) => {
                let row = seal(Table::Metadata, session.as_bytes(), json);
                metadata.insert(session, row.as_slice())?;
            }
            None => drop(metadata.remove(session)?),
        }
    }
    let mut names = txn.open_table(NAMES)?;
    for (name, json) in &tail.names {
        match json {
            Some(json) => {
                let row = seal(Table::Names, name.as_bytes(), json);
                names.insert(name.as_str(), row.as_slice())?;
            }
            None => drop(names.remove(name.as_str())?),
        }
    }
    Ok(())
}

/// Cuts the log down to `len` entries, if it has more.
fn cut_runs(txn: &WriteTransaction, log: &LogId, len: u64) -> Outcome<()> {
    let mut table = txn.open_table(runs_of(log.kind))?;
    // Unread, so that a damaged log can be removed as well.
    table.retain_in(run_key(log, len)..=run_key(log, u64::MAX), |_, _| false)?;
    let Some(mut run) = last_run(&table, log)? else {
        return Ok(());
    };
    if run.end() > len {
        run.truncate(len);
        table.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
    }
    Ok(())
}

/// Puts the entries of the tail behind those that are there, growing the last run while they fit.
fn append_runs(txn: &WriteTransaction, log: &LogId, changes: &LogTail) -> Outcome<()> {
    if changes.runs.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(runs_of(log.kind))?;
    let last = last_run(&table, log)?.filter(|run| run.end() == changes.below);
    let mut run = last.unwrap_or_else(|| Run::new(changes.below, Entries::default()));
    for entry in changes.runs.iter().flat_map(|run| run.entries().iter()) {
        if !run.has_room_for(entry.len()) {
            table.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
            run = Run::new(run.end(), Entries::default());
        }
        run.push(entry);
    }
    table.insert(run_key(log, run.first()), run.encode(log).as_slice())?;
    Ok(())
}

/// The last run of a log. One that is damaged stays as it is, for a check to find, and what
/// follows it begins a run of its own: the damage of one log must not keep others from writing.
fn last_run(
    table: &impl ReadableTable<super::RunKey, &'static [u8]>,
    log: &LogId,
) -> Outcome<Option<Run>> {
    let row = table
        .range(run_key(log, 0)..=run_key(log, u64::MAX))?
        .next_back()
        .transpose()?;
    Ok(row.and_then(|(key, row)| Run::decode(log, key.value().2, row.value()).ok()))
}

/// Stores a head, and what the index by segment derives from it.
fn put_head(
    txn: &WriteTransaction,
    session: SessionId,
    segment: SegmentId,
    head: Option<&Head>,
) -> Outcome<()> {
    let mut heads = txn.open_table(HEADS)?;
    match head {
        Some(head) => {
            let row = seal(Table::Heads, &pair_bytes(session, segment), &head.encode());
            heads.insert((session, segment), row.as_slice())?;
        }
        None => drop(heads.remove((session, segment))?),
    }
    let exists = head.is_some_and(|head| head.exists);
    let mut index = txn.open_table(INDEX)?;
    if exists {
        let row = seal(Table::Index, &pair_bytes(segment, session), &[]);
        index.insert((segment, session), row.as_slice())?;
    } else {
        index.remove((segment, session))?;
    }
    Ok(())
}
