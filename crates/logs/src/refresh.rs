//! Makes a summary anew from what is stored: after something was taken away, or where the file that
//! came in is not what is stored of it.

use sessiondb::{Archive, SegmentId, SessionId, StoreError};
use sessiondb_agents::{Fold, by_name};

use crate::notes::{self, key_of_log};
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
        return Ok(());
    }
    let mut fold = Fold::new(agent, &note.path);
    if let Some(header) = &note.header {
        fold.header(header.get());
    }
    for entry in log.read(..)? {
        fold.entry(entry?.as_str().as_bytes());
    }
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
