//! The sessions of a remote as lists show them, of what states say, and where these do not say it, of entries.

use std::cmp::Reverse;

use sessiondb::{SegmentId, SessionId};
use sessiondb_logs::{KnownSegment, StoredSummary, stored_summary_of_notes, subagent_of_notes};
use sessiondb_remote::{Listing, RemoteSession};

use super::source::{Reading, Stop, matching};
use crate::exit::Failure;
use crate::sessions::{Filter, Listed, MOST_NEW_BYTES};
use crate::{cores, find};

/// Fewer sessions are read sooner by one thread.
const WORTH_A_THREAD: usize = 64;

/// A session, and whether its summary is that of a subagent.
struct Row<'l> {
    listed: Box<Listed<'l>>,
    is_subagent: IsSubagent<'l>,
}

/// Whether a segment is that of a subagent.
enum IsSubagent<'l> {
    /// The entries said so.
    Read(bool),
    /// The notes say so.
    Noted(&'l RemoteSession),
}

/// All sessions of a listing, those that were active last first.
pub(super) struct Rows<'l>(Vec<Row<'l>>);

impl<'l> Rows<'l> {
    /// What states say; of sessions with entries that no summary covers, these are read, up to as many bytes as a list of
    /// an archive reads.
    pub(super) fn read(reading: &Reading, listing: &'l Listing) -> Result<Self, Stop> {
        let sessions = listing.sessions();
        let mut rows = Vec::with_capacity(sessions.len());
        let mut unknown: Vec<&RemoteSession> = Vec::new();
        for (session, row) in sessions
            .iter()
            .zip(cores::each(sessions, WORTH_A_THREAD, of_notes))
        {
            match row {
                Some(row) => rows.push(row),
                None => unknown.push(session),
            }
        }
        rows.extend(of_entries(reading, listing, unknown)?);
        rows.sort_by_cached_key(|row| Reverse((row.listed.activity_ms(), row.listed.info.id)));
        Ok(Self(rows))
    }

    /// Those that the filter takes.
    pub(super) fn chosen(self, filter: &Filter) -> impl Iterator<Item = Listed<'l>> {
        let rows = self.0.into_iter();
        rows.filter(|row| {
            filter.takes_remote(&row.listed, |segment| row.is_subagent.tells(segment))
        })
        .map(|row| *row.listed)
    }
}

impl IsSubagent<'_> {
    fn tells(&self, segment: SegmentId) -> bool {
        match self {
            Self::Read(is_subagent) => *is_subagent,
            Self::Noted(session) => subagent_of_notes(segment, |key| session.note(key)).is_some(),
        }
    }
}

/// What is known of a session without its entries; `None` if that is not all.
fn of_notes(session: &RemoteSession) -> Option<Row<'_>> {
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
    let summary = stored_summary_of_notes(&segments, |key| session.note(key))?;
    Some(row(session, summary))
}

/// A session as its stored summary has it, whether that covers all or not.
fn stored(session: &RemoteSession) -> Row<'_> {
    let summary = session.note("summary").map(StoredSummary::of);
    row(session, summary.unwrap_or_default())
}

fn row<'l>(session: &'l RemoteSession, summary: StoredSummary<'l>) -> Row<'l> {
    let metadata = session.metadata();
    let metadata = metadata.and_then(|metadata| serde_json::from_str(metadata).ok());
    Row {
        listed: Box::new(Listed::new(session.info().clone(), summary, metadata)),
        is_subagent: IsSubagent::Noted(session),
    }
}

/// Sessions of which entries have to be read, those first that were written to last.
fn of_entries<'l>(
    reading: &Reading,
    listing: &Listing,
    mut sessions: Vec<&'l RemoteSession>,
) -> Result<Vec<Row<'l>>, Stop> {
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
            listed: Box::new(listed),
            is_subagent: IsSubagent::Read(subagent.is_some()),
        });
    }
    rows.extend(rest.into_iter().map(stored));
    Ok(rows)
}

/// The session that is meant.
pub(super) fn session(
    listing: &Listing,
    id: &str,
    and_segments: bool,
) -> Result<SessionId, Failure> {
    let listed = |session| Some(*stored(listing.session(session)?).listed);
    find::session_among(
        id,
        and_segments,
        |beginning| matching(listing, beginning),
        listed,
    )
}
