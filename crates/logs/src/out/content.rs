//! What a file is to hold.

use std::borrow::Cow;

use sessiondb::jsonl::line_of;
use sessiondb::{SegmentId, SessionId, Snapshot, StoreError};
use sessiondb_agents::{Agent, Document};

use super::rebase::Rebase;
use crate::notes::TextForm;
use crate::sidecar::SidecarEntry;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a file is to hold.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// The entries, a line each.
    Lines { trace: bool, form: TextForm },
    /// Header and entries as the agent's one document.
    Document {
        agent: &'static dyn Agent,
        header: Option<String>,
    },
    /// A JSON value: one of the files of a session that has many, or what stands beside a log.
    Json(String),
    /// The text that the segment's only entry holds.
    Sidecar,
}

/// Of which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) session: SessionId,
    pub(crate) segment: SegmentId,
}

/// Takes bytes, and says whether it wants more.
pub(crate) type Taker<'t> = dyn FnMut(&[u8]) -> bool + 't;

/// Gives the bytes of a log as lines to `take`, piece by piece, until it wants no more. Returns the
/// number of entries that were begun.
pub(crate) fn lines(
    now: &Snapshot,
    place: Place,
    (trace, form): (bool, TextForm),
    rebase: &Rebase,
    take: &mut Taker<'_>,
) -> Result<u64, StoreError> {
    let log = if trace {
        now.trace(place.session, place.segment)
    } else {
        now.log(place.session, place.segment)
    };
    let entries = log.read(..)?;
    let total = entries.len_remaining();
    if form.byte_order_mark && total > 0 && !take(BYTE_ORDER_MARK) {
        return Ok(0);
    }
    let mut number = 0;
    for entry in entries {
        number += 1;
        let entry = entry?;
        let line = line_of(&entry);
        let line = rebase.line(&line);
        if !take(&line) || ((form.final_line_end || number < total) && !take(b"\n")) {
            break;
        }
    }
    Ok(number)
}

/// Header and entries.
pub(crate) fn document(
    now: &Snapshot,
    place: Place,
    header: Option<&str>,
    rebase: &Rebase,
) -> Result<Document, StoreError> {
    let mut entries = Vec::new();
    for entry in now.log(place.session, place.segment).read(..)? {
        entries.push(rebase.json(entry?.as_str()).into_owned());
    }
    let header = header.map(|header| rebase.json(header).into_owned());
    Ok(Document {
        header: header.unwrap_or_default(),
        entries,
    })
}

/// The file that the segment's only entry holds.
pub(crate) fn sidecar(now: &Snapshot, place: Place) -> Result<Option<SidecarEntry>, StoreError> {
    let first = now.log(place.session, place.segment).read(..1)?.next();
    Ok(first.transpose()?.as_deref().and_then(SidecarEntry::of))
}

/// A content that is held as a whole: its bytes and the number of its entries.
pub(crate) struct Whole {
    pub(crate) text: String,
    pub(crate) entries: u64,
    /// A document taken apart, by which another is compared.
    pub(crate) document: Option<(&'static dyn Agent, Document)>,
}

/// What the file is to hold as a whole; `None` for lines, and where there is nothing.
pub(crate) fn whole(
    now: &Snapshot,
    place: Place,
    content: &Content,
    rebase: &Rebase,
) -> Result<Option<Whole>, StoreError> {
    let of_text = |text: Cow<'_, str>, entries| Whole {
        text: text.into_owned(),
        entries,
        document: None,
    };
    Ok(match content {
        Content::Lines { .. } => None,
        Content::Json(json) => Some(of_text(rebase.json(json), 0)),
        Content::Sidecar => {
            sidecar(now, place)?.map(|sidecar| of_text(rebase.text(&sidecar.text), 1))
        }
        Content::Document { agent, header } => {
            let document = document(now, place, header.as_deref(), rebase)?;
            agent.join(&document).map(|text| Whole {
                text,
                entries: document.entries.len() as u64,
                document: Some((*agent, document)),
            })
        }
    })
}
