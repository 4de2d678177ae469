//! Makes a summary anew from what is stored: after something was taken away, or where the file that
//! came in is not what is stored of it.

use std::ops::ControlFlow;

use sessiondb::{Archive, SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::{Fold, by_name};

use crate::notes::{self, key_of_log, key_of_summary};
use crate::shorten::each_short;
use crate::visit::{located, put_summary};

/// Makes what is known of a segment anew from its entries, such as after an erasure, so that nothing is
/// left of what was erased. A segment of no known agent stays as it is.
///
/// # Errors
///
/// Those of reading the segment and of a write.
pub fn refresh(
    archive: &Archive,
    session: SessionId,
    segment: SegmentId,
) -> Result<(), StoreError> {
    let now = archive.snapshot()?;
    let Some(mut note) = notes::read_log(&now, session, segment)? else {
        return Ok(());
    };
    let Some(agent) = by_name(&note.agent) else {
        return Ok(());
    };
    let log = now.log(session, segment);
    if !log.exists()? {
        return forget(archive, &now, session, segment);
    }
    let mut fold = Fold::new(agent, &note.path);
    if let Some(header) = &note.header {
        fold.header(header.get());
    }
    each_short(log.read(..)?, |entry| {
        fold.entry(entry);
        ControlFlow::Continue(())
    })?;
    // What goes on with the file counts its entries, not those that are left.
    note.fold = None;
    let mut batch = archive.batch();
    batch.write_note(&key_of_log(session, segment), &note)?;
    if note.subagent.is_none() {
        let summary = located(fold.summary(), &note.path);
        put_summary(
            &now,
            &mut batch,
            (session, segment),
            &summary,
            fold.entries(),
        )?;
    }
    batch.commit()
}

/// Takes away what is known of a segment that is gone.
fn forget(
    archive: &Archive,
    now: &Snapshot,
    session: SessionId,
    segment: SegmentId,
) -> Result<(), StoreError> {
    let mut batch = archive.batch();
    batch.delete_note(&key_of_log(session, segment));
    let summary = notes::read_summary(now, session)?;
    let of = summary
        .as_ref()
        .and_then(|summary| summary.get("segment")?.as_str());
    if of == Some(&*segment.to_string()) {
        batch.delete_note(&key_of_summary(session));
    }
    batch.commit()
}
