//! The summary of a session whose entries are elsewhere, by its segments and the notes on it alone.

use serde::Deserialize;
use serde_json::{Map, Value};
use sessiondb::SegmentId;

use crate::notes;

/// A segment that has a log, as a record tells of it.
///
/// ```
/// let segment = sessiondb_logs::KnownSegment { id: sessiondb::new_segment_id(), entries: 2, updated_ms: 7 };
/// assert_eq!(segment.entries, 2);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownSegment {
    /// Its id.
    pub id: SegmentId,
    /// The number of its entries.
    pub entries: u64,
    /// When it was last written to, in milliseconds since the Unix epoch.
    pub updated_ms: u64,
}

/// What [`summary_of_notes`] finds.
///
/// ```
/// use sessiondb_logs::FromNotes;
///
/// assert_ne!(FromNotes::NeedsEntries, FromNotes::Fields(None));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum FromNotes {
    /// The fields, as [`Current::fields`](crate::Current::fields) has them.
    Fields(Option<Map<String, Value>>),
    /// Entries came in that no stored summary covers: they have to be read.
    NeedsEntries,
}

/// What [`summary`](crate::summary) says of a session without reading an entry. `note` gives the note on it whose
/// key ends so, behind `session/{id}/`.
///
/// ```
/// use sessiondb_logs::{FromNotes, KnownSegment, summary_of_notes};
///
/// let id = sessiondb::new_segment_id();
/// let segment = KnownSegment { id, entries: 2, updated_ms: 7 };
/// let stored = format!(r#"{{"segment":"{id}","entries":2,"title":"Why?"}}"#);
/// let found = summary_of_notes(&[segment], |key| (key == "summary").then_some(&*stored));
/// let FromNotes::Fields(Some(fields)) = found else { panic!() };
/// assert_eq!(fields["title"], "Why?");
///
/// let longer = KnownSegment { entries: 3, ..segment };
/// let found = summary_of_notes(&[longer], |key| (key == "summary").then_some(&*stored));
/// assert_eq!(found, FromNotes::NeedsEntries);
/// ```
pub fn summary_of_notes<'n>(
    segments: &[KnownSegment],
    note: impl Fn(&str) -> Option<&'n str>,
) -> FromNotes {
    let stored: Option<Map<String, Value>> =
        note("summary").and_then(|json| serde_json::from_str(json).ok());
    let field = |name: &str| stored.as_ref().and_then(|fields| fields.get(name));
    let known = stored.as_ref().and_then(notes::segment_of);
    let covered = field("entries").and_then(Value::as_u64);
    if let [only] = segments
        && known == Some(only.id)
        && only.entries > 0
        && covered.is_some_and(|covered| covered >= only.entries)
    {
        return FromNotes::Fields(stored);
    }
    let mut main: Option<&KnownSegment> = None;
    for segment in segments.iter().filter(|segment| segment.entries > 0) {
        let is_live = || is_live(segment, log_note(segment.id, &note));
        let is_candidate = if known == Some(segment.id) {
            true
        } else if let Some(is_live) = is_live() {
            is_live
        } else {
            return FromNotes::NeedsEntries;
        };
        let rank = |segment: &KnownSegment| (segment.updated_ms, known == Some(segment.id));
        if is_candidate && main.is_none_or(|main| rank(segment) > rank(main)) {
            main = Some(segment);
        }
    }
    let is_covered = main.is_none_or(|main| {
        known == Some(main.id) && covered.is_some_and(|covered| covered >= main.entries)
    });
    if is_covered {
        FromNotes::Fields(stored)
    } else {
        FromNotes::NeedsEntries
    }
}

/// What [`subagent_of`](crate::subagent_of) says of a segment, by the notes on its session. `note` is that of
/// [`summary_of_notes`].
///
/// ```
/// use sessiondb_logs::subagent_of_notes;
///
/// let id = sessiondb::new_segment_id();
/// let key = format!("log/{id}");
/// let subagent = subagent_of_notes(id, |asked| (asked == key).then_some(r#"{"subagent":"7"}"#));
/// assert_eq!(subagent.as_deref(), Some("7"));
/// ```
pub fn subagent_of_notes<'n>(
    segment: SegmentId,
    note: impl Fn(&str) -> Option<&'n str>,
) -> Option<String> {
    log_note(segment, &note)?.subagent
}

/// What is asked of the note on a log.
#[derive(Deserialize)]
struct OfLog {
    #[serde(default)]
    entries: u64,
    #[serde(default)]
    subagent: Option<String>,
}

fn log_note<'n>(segment: SegmentId, note: &impl Fn(&str) -> Option<&'n str>) -> Option<OfLog> {
    serde_json::from_str(note(&format!("log/{segment}"))?).ok()
}

/// Whether a program has stored entries there itself, and it is a conversation; `None` if only its entry tells.
fn is_live(segment: &KnownSegment, note: Option<OfLog>) -> Option<bool> {
    match note {
        Some(note) => Some(note.subagent.is_none() && segment.entries > note.entries),
        None => (segment.entries > 1).then_some(true),
    }
}
