//! Where in an archive a file belongs: by its content, and only where that does not say by its path.

use std::fs::File;

use sessiondb::jsonl::FoundFile;
use sessiondb::{SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::Identity;

use crate::lines;

/// A segment of a session, or where it will be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
    /// The agent's id of the subagent whose log it is.
    pub(crate) subagent: Option<String>,
}

/// Where a file belongs that has this identity. One that came in by its path alone, before its
/// content was understood, stays there.
pub(crate) fn of(
    now: &Snapshot,
    found: &FoundFile,
    identity: Option<Identity>,
    lines: &File,
) -> Result<Place, StoreError> {
    let by_path = Place {
        session: found.session,
        segment: found.segment,
        subagent: None,
    };
    let Some(identity) = identity.filter(|_| !found.trace) else {
        return Ok(by_path);
    };
    let Some(session) = identity.session else {
        return Ok(by_path);
    };
    let place = Place {
        session,
        segment: identity.segment.unwrap_or(session),
        subagent: identity.subagent.map(|subagent| subagent.id),
    };
    let is_same = (by_path.session, by_path.segment) == (place.session, place.segment);
    if is_same || now.log(place.session, place.segment).exists()? {
        return Ok(place);
    }
    if begins_with_the_same(now, &by_path, lines)? {
        return Ok(Place {
            subagent: place.subagent,
            ..by_path
        });
    }
    Ok(place)
}

/// Whether there is a log at the place that begins with the file's first entry.
fn begins_with_the_same(now: &Snapshot, place: &Place, lines: &File) -> Result<bool, StoreError> {
    let log = now.log(place.session, place.segment);
    if !log.exists()? {
        return Ok(false);
    }
    let Some(first) = log.read(..1)?.next().transpose()? else {
        return Ok(false);
    };
    Ok(lines::first(lines, u64::MAX).is_ok_and(|line| line == first.as_str().as_bytes()))
}
