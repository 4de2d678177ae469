//! What was found, and where; what it says is not kept.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io::Write;

use indicatif::ProgressBar;
use serde::Serialize;
use serde_json::value::RawValue;
use sessiondb::{Archive, SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_redact::{Finding, Rules};

use crate::context::Context;
use crate::exit::Failure;
use crate::sessions::{short_segment, short_session};
use crate::{output, render};

/// Something that was found.
#[derive(Debug, Serialize)]
struct Place {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<SegmentId>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    trace: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    entry: Option<u64>,
    /// What it stands in, where that is no entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    chars: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl Place {
    fn of(finding: Finding, session: Option<SessionId>) -> Self {
        Self {
            kind: finding.kind,
            session,
            segment: None,
            trace: false,
            entry: None,
            record: None,
            chars: finding.chars,
            hint: finding.hint,
        }
    }
}

/// All that was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    places: Vec<Place>,
}

/// Looks through sessions, and through all else that is kept if all of them are meant.
pub(super) fn look_through(
    archive: &Archive,
    rules: &Rules,
    sessions: &[SessionId],
    is_all: bool,
    bar: &ProgressBar,
) -> Result<Found, Failure> {
    let mut found = Found::default();
    for session in sessions {
        // One for each, so that none is kept for long.
        let now = archive.snapshot()?;
        found.session(&now, rules, *session)?;
        bar.inc(1);
    }
    let now = archive.snapshot()?;
    for name in now.names()? {
        let record: Option<Box<RawValue>> = now.read_name_as(&name)?;
        let what = format!("name {name}");
        let session = record.as_ref().and_then(|record| session_of(record));
        if is_all || session.is_some_and(|session| sessions.contains(&session)) {
            found.record(rules, session, &what, record.as_deref());
        }
    }
    if is_all {
        for key in now.notes("")? {
            if !key.starts_with("session/") {
                let note = read_note(&now, &key)?;
                found.record(rules, None, &format!("note {key}"), note.as_deref());
            }
        }
    }
    Ok(found)
}

fn read_note(now: &Snapshot, key: &str) -> Result<Option<Box<RawValue>>, StoreError> {
    match now.read_note(key) {
        Err(StoreError::Serde(_)) => Ok(None),
        read => read,
    }
}

/// The session that the record of a name points to.
fn session_of(record: &RawValue) -> Option<SessionId> {
    #[derive(serde::Deserialize)]
    struct Record {
        active: Active,
    }
    #[derive(serde::Deserialize)]
    struct Active {
        session_id: SessionId,
    }
    let record: Record = serde_json::from_str(record.get()).ok()?;
    Some(record.active.session_id)
}

impl Found {
    fn session(
        &mut self,
        now: &Snapshot,
        rules: &Rules,
        session: SessionId,
    ) -> Result<(), Failure> {
        for segment in now.segments(session) {
            let segment = segment?;
            let start = segment.parent.map_or(0, |parent| parent.len);
            let logs = [
                (now.log(session, segment.id).read(start..)?, false),
                (now.trace(session, segment.id).read(..)?, true),
            ];
            for (entries, trace) in logs {
                for entry in entries {
                    let entry = entry?;
                    let place = |finding| Place {
                        segment: Some(segment.id),
                        trace,
                        entry: Some(entry.index()),
                        ..Place::of(finding, Some(session))
                    };
                    self.places
                        .extend(rules.find(entry.as_str()).into_iter().map(place));
                }
            }
        }
        if let Some(metadata) = now.metadata(session)? {
            let metadata = serde_json::value::to_raw_value(&metadata)?;
            self.record(rules, Some(session), "metadata", Some(&metadata));
        }
        let prefix = format!("session/{session}/");
        for key in now.notes(&prefix)? {
            let what = key.get(prefix.len()..).unwrap_or_default();
            if !what.starts_with("redacted/") {
                let note = read_note(now, &key)?;
                self.record(
                    rules,
                    Some(session),
                    &format!("note {what}"),
                    note.as_deref(),
                );
            }
        }
        Ok(())
    }

    fn record(
        &mut self,
        rules: &Rules,
        session: Option<SessionId>,
        what: &str,
        record: Option<&RawValue>,
    ) {
        let found = record.map_or_else(Vec::new, |record| rules.find(record.get()));
        let place = |finding| Place {
            record: Some(what.to_owned()),
            ..Place::of(finding, session)
        };
        self.places.extend(found.into_iter().map(place));
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.places.is_empty()
    }

    /// The sessions in which something was found.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        let mut sessions: Vec<_> = self
            .places
            .iter()
            .filter_map(|place| place.session)
            .collect();
        sessions.sort_unstable();
        sessions.dedup();
        sessions
    }

    /// How much there is, by kind.
    pub(super) fn sum(&self) -> String {
        let mut kinds = BTreeMap::<&str, u64>::new();
        for place in &self.places {
            *kinds.entry(&place.kind).or_default() += 1;
        }
        let kinds: Vec<_> = kinds
            .iter()
            .map(|(kind, count)| format!("{count} {kind}"))
            .collect();
        format!(
            "{} in {}: {}",
            render::count(self.places.len() as u64, "place"),
            render::count(self.sessions().len() as u64, "session"),
            kinds.join(", ")
        )
    }

    /// A line for each.
    pub(super) fn write(
        &self,
        context: &Context,
        archive: &Archive,
        json: bool,
    ) -> Result<(), Failure> {
        if json {
            return render::write_json_lines(self.places.iter().map(Ok));
        }
        if context.is_quiet() {
            return Ok(());
        }
        let now = archive.snapshot()?;
        let (mut out, mut shown) = (output::stdout(), BTreeMap::new());
        for place in &self.places {
            let name = match shown.entry((place.session, place.segment)) {
                Entry::Occupied(there) => there.into_mut(),
                Entry::Vacant(new) => new.insert(whereabouts(&now, place)?),
            };
            let at = match (place.entry, &place.record) {
                (Some(entry), _) if place.trace => format!("trace {entry}"),
                (Some(entry), _) => format!("entry {entry}"),
                (None, Some(record)) => record.clone(),
                (None, None) => String::new(),
            };
            let hint = place.hint.as_ref().map(|hint| format!("  {hint}..."));
            writeln!(
                out,
                "{:20}  {name}  {at}  {}{}",
                place.kind,
                render::count(place.chars as u64, "character"),
                hint.unwrap_or_default()
            )?;
        }
        Ok(out.flush()?)
    }
}

fn whereabouts(now: &Snapshot, place: &Place) -> Result<String, Failure> {
    Ok(match (place.session, place.segment) {
        (Some(session), Some(segment)) if session != segment => format!(
            "{}/{}",
            short_session(now, session)?,
            short_segment(now, session, segment)?
        ),
        (Some(session), _) => short_session(now, session)?,
        (None, _) => "-".to_owned(),
    })
}
