//! The sessions of a remote as lists show them, of what states say, and where these do not say it, of entries.

use std::cmp::Reverse;
use std::panic::resume_unwind;
use std::thread;

use sessiondb::SessionId;
use sessiondb_logs::{FromNotes, KnownSegment, subagent_of_notes, summary_of_notes};
use sessiondb_remote::{Listing, RemoteSession};

use super::source::{Reading, Stop, matching};
use crate::exit::Failure;
use crate::find;
use crate::sessions::{Filter, Listed, MOST_NEW_BYTES};

/// A session, and whether its summary is that of a subagent.
struct Row {
    listed: Listed,
    is_subagent: bool,
}

/// All sessions of a listing, those that were active last first.
pub(super) struct Rows(Vec<Row>);

impl Rows {
    /// What states say; of sessions with entries that no summary covers, these are read, up to as many bytes as a list of
    /// an archive reads.
    pub(super) fn read(reading: &Reading, listing: &Listing) -> Result<Self, Stop> {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let sessions = listing.sessions();
        let chunks = sessions.chunks(sessions.len().div_ceil(cores).max(1));
        let mut rows = Vec::with_capacity(sessions.len());
        let mut unknown: Vec<&RemoteSession> = Vec::new();
        thread::scope(|scope| {
            let threads: Vec<_> = chunks
                .map(|chunk| scope.spawn(|| chunk.iter().map(of_notes).collect::<Vec<_>>()))
                .collect();
            let found = threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            for (session, row) in sessions.iter().zip(found) {
                match row {
                    Some(row) => rows.push(row),
                    None => unknown.push(session),
                }
            }
        });
        rows.extend(of_entries(reading, listing, unknown)?);
        rows.sort_by_cached_key(|row| Reverse((row.listed.activity_ms(), row.listed.info.id)));
        Ok(Self(rows))
    }

    /// Those that the filter takes.
    pub(super) fn chosen(self, filter: &Filter) -> Vec<Listed> {
        let rows = self.0.into_iter();
        rows.filter(|row| filter.takes_remote(&row.listed, row.is_subagent))
            .map(|row| row.listed)
            .collect()
    }
}

/// What is known of a session without its entries; `None` if that is not all.
fn of_notes(session: &RemoteSession) -> Option<Row> {
    if !session.is_certain() {
        return None;
    }
    let segments = session.segments().iter().filter(|segment| segment.exists);
    let segments: Vec<_> = segments
        .map(|segment| KnownSegment {
            id: segment.id,
            entries: segment.entries,
            updated_ms: segment.updated_ms,
        })
        .collect();
    match summary_of_notes(&segments, |key| session.note(key)) {
        FromNotes::Fields(fields) => Some(row(session, fields)),
        FromNotes::NeedsEntries => None,
    }
}

/// A session as its stored summary has it, whether that covers all or not.
fn stored(session: &RemoteSession) -> Listed {
    stored_row(session).listed
}

fn stored_row(session: &RemoteSession) -> Row {
    let stored = session.note("summary");
    let fields = stored.and_then(|stored| serde_json::from_str(stored).ok());
    row(session, fields)
}

fn row(session: &RemoteSession, fields: Option<serde_json::Map<String, serde_json::Value>>) -> Row {
    let metadata = session.metadata();
    let metadata = metadata.and_then(|metadata| serde_json::from_str(metadata).ok());
    let listed = Listed::new(session.info().clone(), fields.unwrap_or_default(), metadata);
    let is_subagent = listed
        .segment
        .is_some_and(|segment| subagent_of_notes(segment, |key| session.note(key)).is_some());
    Row {
        listed,
        is_subagent,
    }
}

/// Sessions of which entries have to be read, those first that were written to last.
fn of_entries(
    reading: &Reading,
    listing: &Listing,
    mut sessions: Vec<&RemoteSession>,
) -> Result<Vec<Row>, Stop> {
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    sessions.sort_by_key(|session| Reverse(session.info().updated_ms));
    let mut left = MOST_NEW_BYTES;
    let (read, rest): (Vec<_>, Vec<_>) = sessions.into_iter().partition(|session| {
        let info = session.info();
        let fits = left.checked_sub(info.entry_bytes + info.trace_bytes);
        left = fits.unwrap_or(left);
        fits.is_some()
    });
    let ids: Vec<SessionId> = read.iter().map(|session| session.id()).collect();
    let fetched = reading.fetch(listing, &ids)?;
    let now = fetched.archive.snapshot().map_err(Failure::from)?;
    let mut rows = Vec::new();
    for id in ids {
        // One that is not there was forgotten, which only its entries could tell.
        let Some(info) = now.session(id).map_err(Failure::from)? else {
            continue;
        };
        let listed = Listed::read(&now, info, &mut u64::MAX.clone())?;
        let subagent = listed
            .segment
            .map(|segment| sessiondb_logs::subagent_of(&now, id, segment));
        let subagent = subagent.transpose().map_err(Failure::from)?.flatten();
        rows.push(Row {
            listed,
            is_subagent: subagent.is_some(),
        });
    }
    rows.extend(rest.into_iter().map(stored_row));
    Ok(rows)
}

/// The session that is meant.
pub(super) fn session(
    listing: &Listing,
    id: &str,
    and_segments: bool,
) -> Result<SessionId, Failure> {
    let listed = |session| listing.session(session).map(stored);
    find::session_among(
        id,
        and_segments,
        |beginning| matching(listing, beginning),
        listed,
    )
}
