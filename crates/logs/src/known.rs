//! The summary of a session whose entries are elsewhere, by its segments and the notes on it alone.

use serde::Deserialize;
use serde_json::{Map, Value};
use sessiondb::SegmentId;

use crate::stored::StoredSummary;

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
    let stored = stored_summary_of_notes(segments, note);
    stored.map_or(FromNotes::NeedsEntries, |stored| {
        FromNotes::Fields(stored.fields())
    })
}

/// The same for lists of many sessions, in which few of the fields are asked for; `None` where entries have to be read.
///
/// ```
/// use sessiondb_logs::{KnownSegment, stored_summary_of_notes};
///
/// let id = sessiondb::new_segment_id();
/// let segment = KnownSegment { id, entries: 2, updated_ms: 7 };
/// let stored = format!(r#"{{"segment":"{id}","entries":2,"title":"Why?"}}"#);
/// let found = stored_summary_of_notes(&[segment], |key| (key == "summary").then_some(&*stored));
/// assert_eq!(found.unwrap().text("title"), "Why?");
/// ```
pub fn stored_summary_of_notes<'n>(
    segments: &[KnownSegment],
    note: impl Fn(&str) -> Option<&'n str>,
) -> Option<StoredSummary<'n>> {
    let stored = note("summary").map(StoredSummary::of).unwrap_or_default();
    let covered = Covered::by(&stored);
    if let [only] = segments
        && only.entries > 0
        && covered.has(only)
    {
        return Some(stored);
    }
    let is_live = |segment: &KnownSegment| {
        let note = log_note(segment.id, &note);
        let note = note.map(|note| (note.subagent.is_some(), note.entries));
        is_live(segment, note).ok_or(())
    };
    let all = segments.iter().copied().map(Ok);
    match main_among(all, |segment| *segment, covered.segment, is_live) {
        Ok(main) if main.is_none_or(|main| covered.has(&main)) => Some(stored),
        _ => None,
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

/// What a stored summary is of.
pub(crate) struct Covered {
    pub(crate) segment: Option<SegmentId>,
    pub(crate) entries: Option<u64>,
}

impl Covered {
    pub(crate) fn by(stored: &StoredSummary<'_>) -> Self {
        Self {
            segment: stored.segment(),
            entries: stored.number("entries"),
        }
    }

    /// Whether it is of all entries of a segment.
    pub(crate) fn has(&self, segment: &KnownSegment) -> bool {
        self.segment == Some(segment.id)
            && self
                .entries
                .is_some_and(|entries| entries >= segment.entries)
    }
}

/// The segment that a session's summary is of, among those that have a log: the one that it is of by now, or one that was
/// used since by a program that stores entries itself. What came in from files was compared then.
pub(crate) fn main_among<S, E>(
    segments: impl IntoIterator<Item = Result<S, E>>,
    known_of: impl Fn(&S) -> KnownSegment,
    known: Option<SegmentId>,
    is_live: impl Fn(&S) -> Result<bool, E>,
) -> Result<Option<S>, E> {
    let mut main: Option<S> = None;
    for segment in segments {
        let segment = segment?;
        let KnownSegment { id, entries, .. } = known_of(&segment);
        let is_candidate = entries > 0 && (known == Some(id) || is_live(&segment)?);
        let rank = |segment: &S| {
            let segment = known_of(segment);
            (segment.updated_ms, known == Some(segment.id))
        };
        if is_candidate && main.as_ref().is_none_or(|main| rank(&segment) > rank(main)) {
            main = Some(segment);
        }
    }
    Ok(main)
}

/// Whether a program has stored entries there itself, and it is a conversation; `None` if only its entry tells. `note` is
/// what the note on the log says: whether it is a subagent's, and how many entries came from a file.
pub(crate) fn is_live(segment: &KnownSegment, note: Option<(bool, u64)>) -> Option<bool> {
    match note {
        Some((is_subagent, from_file)) => Some(!is_subagent && segment.entries > from_file),
        None => (segment.entries > 1).then_some(true),
    }
}
