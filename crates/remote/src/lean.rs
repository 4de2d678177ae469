//! A state as a listing needs it: sessions without their parts, in one pass over the bytes, which are shared and not copied.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use sessiondb::{SegmentId, SessionId};

use crate::error::RemoteError;
use crate::hash::Sum;
use crate::manifest::RawState;
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
    pub(crate) notes: Vec<(String, Bytes)>,
    pub(crate) segments: Vec<LeanSegment>,
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
    notes: BTreeMap<Key<'j>, &'j RawValue>,
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
    let notes = json.notes.iter();
    LeanSession {
        id,
        created_ms: json.created_ms,
        updated_ms: json.updated_ms,
        metadata: json.metadata.map(shared),
        notes: notes
            .map(|(Key(key), json)| (key.clone().into_owned(), shared(json)))
            .collect(),
        segments: segments.collect(),
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

impl std::borrow::Borrow<str> for Key<'_> {
    fn borrow(&self) -> &str {
        &self.0
    }
}
