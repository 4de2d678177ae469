//! A state as a listing needs it: sessions without their parts, in one pass over the bytes, which are shared and not copied.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sessiondb::{SegmentId, SessionId};

use crate::error::RemoteError;
use crate::hash::Sum;
use crate::manifest::RawState;
use crate::marks::{REDACTED, TRASH};
use crate::names::ManifestName;
use crate::pack::FiltersPlace;
use crate::record::{FILTERS, MARK, NAME, PACK, SESSION};
use crate::remote::Remote;

/// A state of a writer, as far as a listing asks.
#[derive(Debug)]
pub(crate) struct LeanState {
    pub(crate) tip: ManifestName,
    pub(crate) base: Option<Sum>,
    pub(crate) sessions: Vec<LeanSession>,
    /// What was forgotten, by what it is of.
    pub(crate) marks: Vec<(String, Bytes)>,
    pub(crate) names: Vec<String>,
    /// The packs of this writer.
    pub(crate) packs: Vec<Sum>,
    /// Where their word filters are.
    pub(crate) filters: Vec<(Sum, FiltersPlace)>,
}

/// A session, with what is JSON as it was written.
#[derive(Debug, Clone)]
pub(crate) struct LeanSession {
    pub(crate) id: SessionId,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) metadata: Option<Bytes>,
    /// By their keys, in their order.
    pub(crate) notes: Vec<(Bytes, Bytes)>,
    pub(crate) segments: Vec<LeanSegment>,
    pub(crate) in_trash: InTrash,
    /// The bytes of the notes on what was redacted.
    pub(crate) redacted_bytes: u64,
}

/// The marks of the trash, as the note on a session has them.
#[derive(Debug, Deserialize, Default, Clone, Copy)]
pub(crate) struct InTrash {
    #[serde(default)]
    pub(crate) trashed_ms: Option<u64>,
    #[serde(default)]
    pub(crate) hidden: bool,
}

/// A segment.
#[derive(Debug, Clone)]
pub(crate) struct LeanSegment {
    pub(crate) id: SegmentId,
    pub(crate) exists: bool,
    pub(crate) entries: u64,
    pub(crate) entry_bytes: u64,
    pub(crate) traces: u64,
    pub(crate) trace_bytes: u64,
    pub(crate) updated_ms: u64,
    /// The parts of its entries.
    pub(crate) parts: Option<Bytes>,
}

#[derive(Deserialize)]
struct SessionJson<'j> {
    created_ms: u64,
    updated_ms: u64,
    #[serde(borrow, default)]
    metadata: Option<&'j RawValue>,
    #[serde(borrow, default)]
    notes: Notes<'j>,
    #[serde(borrow)]
    segments: Vec<SegmentJson<'j>>,
}

#[derive(Deserialize)]
struct SegmentJson<'j> {
    id: SegmentId,
    exists: bool,
    entries: u64,
    entry_bytes: u64,
    traces: u64,
    trace_bytes: u64,
    updated_ms: u64,
    #[serde(borrow, default)]
    parts: Option<&'j RawValue>,
}

/// Notes by their keys, as they stand there.
#[derive(Default)]
struct Notes<'j>(Vec<(Key<'j>, &'j RawValue)>);

/// A key, without a copy where nothing in it is escaped.
#[derive(Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Key<'j>(#[serde(borrow)] Cow<'j, str>);

#[derive(Deserialize)]
struct Changes<'j> {
    #[serde(borrow)]
    changes: HashMap<Key<'j>, Option<&'j RawValue>>,
}

impl LeanState {
    pub(crate) fn parse(remote: &Remote, raw: &RawState) -> Result<Self, RemoteError> {
        let mut lean = Self {
            tip: raw.said.name.clone(),
            base: raw.said.base,
            sessions: Vec::new(),
            marks: Vec::new(),
            names: Vec::new(),
            packs: Vec::new(),
            filters: Vec::new(),
        };
        let damaged =
            |error: serde_json::Error| remote.damaged(&raw.said.name.key(), &error.to_string());
        let Changes { changes } = serde_json::from_slice(&raw.said.json).map_err(damaged)?;
        let changed = changes
            .iter()
            .filter_map(|(key, json)| Some((key, (*json)?)));
        for (Key(key), json) in changed {
            let bytes = raw.said.json.slice_ref(json.get().as_bytes());
            if let Some(id) = session_of(key) {
                let json = serde_json::from_slice(&bytes).map_err(damaged)?;
                lean.sessions.push(session(id, &json, &bytes));
            } else {
                lean.other(key, bytes).map_err(damaged)?;
            }
        }
        if let Some(base) = raw.base_json(remote)? {
            let records = Base {
                lean: &mut lean,
                changes: &changes,
                bytes: &base,
            };
            let mut json = serde_json::Deserializer::from_slice(&base);
            records
                .deserialize(&mut json)
                .and_then(|()| json.end())
                .map_err(damaged)?;
        }
        Ok(lean)
    }

    /// A record that is no session.
    fn other(&mut self, key: &str, json: Bytes) -> serde_json::Result<()> {
        if let Some(of) = key.strip_prefix(MARK) {
            self.marks.push((of.to_owned(), json));
        } else if let Some(name) = key.strip_prefix(NAME) {
            self.names.push(name.to_owned());
        } else if let Some(pack) = key.strip_prefix(PACK) {
            self.packs.extend(pack.parse::<Sum>().ok());
        } else if let Some(pack) = key.strip_prefix(FILTERS)
            && let Ok(pack) = pack.parse()
        {
            self.filters.push((pack, serde_json::from_slice(&json)?));
        }
        Ok(())
    }
}

fn session_of(key: &str) -> Option<SessionId> {
    key.strip_prefix(SESSION)?.parse().ok()
}

/// `json` borrows from `bytes`.
fn session(id: SessionId, json: &SessionJson<'_>, bytes: &Bytes) -> LeanSession {
    let shared = |json: &RawValue| bytes.slice_ref(json.get().as_bytes());
    let segments = json.segments.iter().map(|segment| LeanSegment {
        id: segment.id,
        exists: segment.exists,
        entries: segment.entries,
        entry_bytes: segment.entry_bytes,
        traces: segment.traces,
        trace_bytes: segment.trace_bytes,
        updated_ms: segment.updated_ms,
        parts: segment.parts.map(shared),
    });
    let (mut in_trash, mut redacted_bytes) = (InTrash::default(), 0);
    let notes = json.notes.0.iter().map(|(Key(key), json)| {
        if key == TRASH {
            in_trash = serde_json::from_str(json.get()).unwrap_or_default();
        } else if key.starts_with(REDACTED) {
            redacted_bytes += json.get().len() as u64;
        }
        let key = match key {
            Cow::Borrowed(key) => bytes.slice_ref(key.as_bytes()),
            Cow::Owned(key) => Bytes::copy_from_slice(key.as_bytes()),
        };
        (key, shared(json))
    });
    let mut notes: Vec<_> = notes.collect();
    notes.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    LeanSession {
        id,
        created_ms: json.created_ms,
        updated_ms: json.updated_ms,
        metadata: json.metadata.map(shared),
        notes,
        segments: segments.collect(),
        in_trash,
        redacted_bytes,
    }
}

/// The records of a base, but for those that the manifest changes.
struct Base<'b, 'c> {
    lean: &'b mut LeanState,
    changes: &'b HashMap<Key<'c>, Option<&'c RawValue>>,
    bytes: &'b Bytes,
}

impl<'de> DeserializeSeed<'de> for Base<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Base<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("records by their keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if self.changes.contains_key(&*key) {
                map.next_value::<IgnoredAny>()?;
            } else if let Some(id) = session_of(&key) {
                let json: SessionJson<'de> = map.next_value()?;
                let session = session(id, &json, self.bytes);
                self.lean.sessions.push(session);
            } else {
                let json: &RawValue = map.next_value()?;
                let json = self.bytes.slice_ref(json.get().as_bytes());
                let other = self.lean.other(&key, json);
                other.map_err(serde::de::Error::custom)?;
            }
        }
        Ok(())
    }
}

impl<'de: 'j, 'j> Deserialize<'de> for Notes<'j> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NotesVisitor)
    }
}

struct NotesVisitor;

impl<'de> Visitor<'de> for NotesVisitor {
    type Value = Notes<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("notes by their keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Notes<'de>, A::Error> {
        let mut notes = Vec::new();
        while let Some(note) = map.next_entry()? {
            notes.push(note);
        }
        Ok(Notes(notes))
    }
}

impl std::borrow::Borrow<str> for Key<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}
