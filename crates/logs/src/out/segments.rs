//! What is known of the logs of a session: whose they are, and what they say of themselves.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Deserialize;
use sessiondb::archive::SegmentInfo;
use sessiondb::{SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::{Agent, Fold, Summary, by_name};

use super::content::{self, Place};
use crate::notes::{self, LogNote, TextForm};
use crate::visit::located;

/// One log of a session.
pub(crate) struct Known {
    pub(crate) place: Place,
    pub(crate) info: SegmentInfo,
    pub(crate) kind: Kind,
}

/// What a log is.
pub(crate) enum Kind {
    /// One that an agent wrote.
    Log(Box<Log>),
    /// A file that belongs to the session without being a log, by its path below the session's folder.
    Sidecar(String),
    /// One of which no agent is known.
    Other(TextForm),
}

/// A log that an agent wrote.
pub(crate) struct Log {
    pub(crate) agent: &'static dyn Agent,
    pub(crate) note: LogNote,
    pub(crate) summary: Summary,
    /// Whether the note is of this log, and not of the one that it branched from.
    pub(crate) is_own: bool,
}

impl Known {
    pub(crate) fn log(&self) -> Option<&Log> {
        match &self.kind {
            Kind::Log(log) => Some(log),
            _ => None,
        }
    }

    fn is_main(&self) -> bool {
        self.log().is_some_and(|log| log.note.subagent.is_none())
    }
}

/// The form of the text as it is now, which the note knows only as long as the log is the one that
/// came in.
pub(crate) fn form(note: &LogNote, entries: u64) -> TextForm {
    let is_all = note.entries == entries;
    TextForm {
        byte_order_mark: note.text.byte_order_mark,
        final_line_end: note.text.final_line_end || !is_all,
        is_exact: note.text.is_exact && note.entries <= entries,
    }
}

/// The logs of a session, arranged.
pub(crate) fn of_session(now: &Snapshot, session: SessionId) -> Result<Vec<Known>, StoreError> {
    let shown = shown_summary(now, session)?;
    let infos = now.segments(session).collect::<Result<Vec<_>, _>>()?;
    let by_id: HashMap<SegmentId, &SegmentInfo> =
        infos.iter().map(|info| (info.id, info)).collect();
    let mut found = Vec::with_capacity(infos.len());
    for info in &infos {
        let place = Place {
            session,
            segment: info.id,
        };
        let kind = kind(now, place, info, &by_id, shown.as_ref())?;
        let info = info.clone();
        found.push(Known { place, info, kind });
    }
    arrange(&mut found, None);
    Ok(found)
}

/// First come the logs of the session itself, the first of them that which a file of the plain name is
/// to hold, then those of its subagents, then what belongs to it.
pub(crate) fn arrange(known: &mut [Known], main: Option<SegmentId>) {
    known.sort_by_key(|known| {
        (
            Reverse(main.is_some_and(|main| main == known.info.id)),
            Reverse(known.is_main()),
            Reverse(known.log().is_some()),
            known.info.parent.is_some(),
            Reverse(known.info.id == known.place.session),
            known.info.created_ms,
            known.info.id,
        )
    });
}

/// The segment of the session itself that was used last.
pub(crate) fn newest(now: &Snapshot, known: &[Known]) -> Result<Option<SegmentId>, StoreError> {
    let mains = || known.iter().filter(|known| known.is_main());
    let Some(session) = mains().next().map(|known| known.place.session) else {
        return Ok(None);
    };
    if let Some(shown) = shown_summary(now, session)?
        && mains().any(|known| known.info.id == shown.segment)
    {
        return Ok(Some(shown.segment));
    }
    let newest = mains().max_by_key(|known| (known.info.updated_ms, known.info.id));
    Ok(newest.map(|known| known.info.id))
}

/// The summary that a list shows of the session, and of which segment it is.
#[derive(Deserialize)]
struct Shown {
    segment: SegmentId,
    #[serde(flatten)]
    summary: Summary,
}

fn shown_summary(now: &Snapshot, session: SessionId) -> Result<Option<Shown>, StoreError> {
    let fields = notes::read_summary(now, session)?;
    Ok(fields.and_then(|fields| serde_json::from_value(fields.into()).ok()))
}

fn kind(
    now: &Snapshot,
    place: Place,
    info: &SegmentInfo,
    by_id: &HashMap<SegmentId, &SegmentInfo>,
    shown: Option<&Shown>,
) -> Result<Kind, StoreError> {
    let Some((note, is_own)) = note_of(now, place, by_id)? else {
        if info.exists
            && info.entries == 1
            && let Some(sidecar) = content::sidecar(now, place)?
        {
            return Ok(Kind::Sidecar(sidecar.path));
        }
        return Ok(Kind::Other(TextForm::default()));
    };
    let Some(agent) = by_name(&note.agent) else {
        return Ok(Kind::Other(form(&note, info.entries)));
    };
    let shown = shown.filter(|shown| shown.segment == place.segment && is_own);
    let summary = match shown {
        Some(shown) => shown.summary.clone(),
        None => located(fold(now, place, info, agent, &note)?.summary(), &note.path),
    };
    Ok(Kind::Log(Box::new(Log {
        agent,
        note,
        summary,
        is_own,
    })))
}

/// The note on the log, or on the nearest that it branched from.
fn note_of(
    now: &Snapshot,
    place: Place,
    by_id: &HashMap<SegmentId, &SegmentInfo>,
) -> Result<Option<(LogNote, bool)>, StoreError> {
    let mut segment = place.segment;
    // Parents form no circle; a damaged archive may say otherwise.
    for _ in 0..=by_id.len() {
        if let Some(mut note) = notes::read_log(now, place.session, segment)? {
            let is_own = segment == place.segment;
            if !is_own {
                note.fold = None;
                note.text = TextForm::default();
            }
            return Ok(Some((note, is_own)));
        }
        let info = by_id.get(&segment);
        let Some(parent) = info.and_then(|info| info.parent.as_ref()) else {
            break;
        };
        segment = parent.segment;
    }
    Ok(None)
}

fn fold(
    now: &Snapshot,
    place: Place,
    info: &SegmentInfo,
    agent: &'static dyn Agent,
    note: &LogNote,
) -> Result<Fold, StoreError> {
    if let Some(fold) = &note.fold
        && fold.entries() == info.entries
    {
        return Ok(fold.clone());
    }
    let mut fold = Fold::new(agent, &note.path);
    if let Some(header) = &note.header {
        fold.header(header.get());
    }
    for entry in now.log(place.session, place.segment).read(..)? {
        fold.entry(&entry?);
    }
    Ok(fold)
}
