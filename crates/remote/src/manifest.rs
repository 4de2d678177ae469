//! A manifest: one state of one writer, as the records in which it differs from a base.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::RemoteError;
use crate::hash::{HalfSum, Id, Sum};
use crate::names::{self, ManifestName};
use crate::record::{Json, Records};
use crate::remote::Remote;

/// The layout that this program writes, and the only one that it reads.
const VERSION: u32 = 1;
/// A difference of so many bytes of JSON is never too large.
const SMALL_BYTES: usize = 64 << 10;
/// How hard manifests and bases are compressed.
const LEVEL: i32 = 6;

/// As it is stored.
#[derive(Debug, Serialize)]
struct Body {
    version: u32,
    writer: Uuid,
    number: u64,
    copy: Id,
    previous: Option<ManifestName>,
    /// Tips of this or another writer that it takes the place of.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    replaces: Vec<ManifestName>,
    base: Option<Sum>,
    changes: Changed,
}

/// A state of a writer.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) records: Records,
    pub(crate) replaces: Vec<ManifestName>,
    pub(crate) base: Option<Sum>,
    /// The records of the base.
    base_records: Records,
}

/// Records that are others than in the base, or are gone.
pub(crate) type Changed = BTreeMap<String, Option<Json>>;

/// A manifest that is to be put, and its base if that is new.
pub(crate) struct Sealed {
    pub(crate) name: ManifestName,
    pub(crate) manifest: Bytes,
    pub(crate) base: Option<(Sum, Bytes)>,
}

/// What comes before a manifest, and what it takes the place of.
pub(crate) struct Links {
    pub(crate) writer: Uuid,
    pub(crate) number: u64,
    pub(crate) previous: Option<ManifestName>,
    pub(crate) replaces: Vec<ManifestName>,
}

/// A manifest, verified, of which only what tells about itself is parsed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) name: ManifestName,
    pub(crate) json: Bytes,
    pub(crate) replaces: Vec<ManifestName>,
    pub(crate) base: Option<Sum>,
}

/// The same with its base.
#[derive(Debug)]
pub(crate) struct RawState {
    pub(crate) said: Said,
    /// The base as it is stored.
    base: Option<Bytes>,
}

/// What a manifest says of itself.
#[derive(Deserialize)]
struct Head {
    version: u32,
    writer: Uuid,
    number: u64,
    copy: Id,
    #[serde(default)]
    replaces: Vec<ManifestName>,
    base: Option<Sum>,
}

impl Said {
    /// Reads a manifest, with one request.
    pub(crate) async fn read(remote: &Remote, name: &ManifestName) -> Result<Self, RemoteError> {
        let key = name.key();
        let bytes = remote.get(&key, &name.sum).await?;
        let damaged = |cause: String| remote.damaged(&key, &cause);
        let json = zstd::decode_all(&*bytes).map_err(|error| damaged(error.to_string()))?;
        let head: Head =
            serde_json::from_slice(&json).map_err(|error| damaged(error.to_string()))?;
        if head.version != VERSION {
            let version = head.version;
            return Err(damaged(format!(
                "it has version {version} of the layout, and this program knows {VERSION} alone"
            )));
        }
        if (head.writer, head.number, head.copy) != (name.writer, name.number, name.copy) {
            return Err(damaged("it is another one than its name says".to_owned()));
        }
        Ok(Self {
            name: name.clone(),
            json: json.into(),
            replaces: head.replaces,
            base: head.base,
        })
    }

    /// The records that are others than in the base.
    pub(crate) fn changes(&self, remote: &Remote) -> Result<Changed, RemoteError> {
        let damaged = |error: serde_json::Error| {
            let key = self.name.key();
            remote.damaged(&key, &error.to_string())
        };
        let Changes { changes } = serde_json::from_slice(&self.json).map_err(damaged)?;
        Ok(changes)
    }
}

impl RawState {
    /// Reads a manifest, with two requests.
    pub(crate) async fn read(remote: &Remote, name: &ManifestName) -> Result<Self, RemoteError> {
        let said = Said::read(remote, name).await?;
        let base = match &said.base {
            Some(sum) => Some(remote.get(&names::base(sum), sum).await?),
            None => None,
        };
        Ok(Self { said, base })
    }

    /// The records of the base, as JSON.
    pub(crate) fn base_json(&self, remote: &Remote) -> Result<Option<Bytes>, RemoteError> {
        let (Some(sum), Some(bytes)) = (&self.said.base, &self.base) else {
            return Ok(None);
        };
        base_json(remote, sum, bytes).map(Some)
    }
}

fn base_json(remote: &Remote, sum: &Sum, bytes: &Bytes) -> Result<Bytes, RemoteError> {
    let json = zstd::decode_all(&**bytes);
    let json = json.map_err(|error| remote.damaged(&names::base(sum), &error.to_string()))?;
    Ok(json.into())
}

fn base_records(remote: &Remote, sum: &Sum, bytes: &Bytes) -> Result<Records, RemoteError> {
    let json = base_json(remote, sum, bytes)?;
    let records = serde_json::from_slice(&json);
    records.map_err(|error| remote.damaged(&names::base(sum), &error.to_string()))
}

/// Reads the records of a base, with one request.
pub(crate) async fn read_base(remote: &Remote, sum: &Sum) -> Result<Records, RemoteError> {
    let bytes = remote.get(&names::base(sum), sum).await?;
    base_records(remote, sum, &bytes)
}

/// The changes of a manifest.
#[derive(Deserialize)]
struct Changes {
    changes: Changed,
}

impl State {
    /// Reads what a manifest says, with two requests.
    pub(crate) async fn read(remote: &Remote, name: &ManifestName) -> Result<Self, RemoteError> {
        let raw = RawState::read(remote, name).await?;
        let base_records = match (&raw.said.base, &raw.base) {
            (Some(sum), Some(bytes)) => base_records(remote, sum, bytes)?,
            _ => Records::new(),
        };
        let mut records = base_records.clone();
        for (key, record) in raw.said.changes(remote)? {
            match record {
                Some(record) => records.insert(key, record),
                None => records.remove(&key),
            };
        }
        Ok(Self {
            records,
            base: raw.said.base,
            replaces: raw.said.replaces,
            base_records,
        })
    }

    /// The manifest of other records that follow this state. With `forgets` nothing of what the base
    /// said before may stay.
    pub(crate) fn next(
        &self,
        records: &Records,
        links: Links,
        forgets: bool,
    ) -> Result<Sealed, RemoteError> {
        let changes = difference(&self.base_records, records);
        let of_change = |(key, json): (&String, &Option<Json>)| {
            key.len() + json.as_ref().map_or(0, |json| json.get().len())
        };
        let changed_bytes: usize = changes.iter().map(of_change).sum();
        let all_bytes: usize = records
            .iter()
            .map(|(key, json)| key.len() + json.get().len())
            .sum();
        let is_large = changed_bytes > SMALL_BYTES.max(all_bytes / 4);
        if forgets && self.base.is_some() || is_large {
            let base = Bytes::from(compress(&serde_json::to_vec(records)?)?);
            let sum = Sum::of(&base);
            let sealed = seal(links, Some(sum), Changed::new())?;
            let base = Some((sum, base));
            return Ok(Sealed { base, ..sealed });
        }
        seal(links, self.base, changes)
    }
}

fn difference(before: &Records, now: &Records) -> Changed {
    let is_same =
        |key: &String, json: &Json| before.get(key).is_some_and(|b| b.get() == json.get());
    let changed = now.iter().filter(|(key, json)| !is_same(key, json));
    let changed = changed.map(|(key, json)| (key.clone(), Some(json.clone())));
    let gone = before.keys().filter(|key| !now.contains_key(*key));
    changed.chain(gone.map(|key| (key.clone(), None))).collect()
}

fn seal(links: Links, base: Option<Sum>, changes: Changed) -> Result<Sealed, RemoteError> {
    let previous = links.previous.as_ref().map_or(Id::ZERO, ManifestName::id);
    let body = Body {
        version: VERSION,
        writer: links.writer,
        number: links.number,
        copy: Id::random(),
        previous: links.previous,
        replaces: links.replaces,
        base,
        changes,
    };
    let manifest = Bytes::from(compress(&serde_json::to_vec(&body)?)?);
    let name = ManifestName {
        writer: body.writer,
        number: body.number,
        copy: body.copy,
        previous,
        sum: HalfSum::of(&manifest),
    };
    let base = None;
    Ok(Sealed {
        name,
        manifest,
        base,
    })
}

fn compress(json: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(json, LEVEL)
}
